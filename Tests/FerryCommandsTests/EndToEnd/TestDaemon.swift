import FerryTransport
import Foundation
import Synchronization
import Testing

/// A real daemon on a free port with fresh state, and the client beside it, both as they were built.
final class TestDaemon: Sendable {
    struct Outcome {
        let status: Int32
        let output: Data
        let errors: String

        var text: String { String(decoding: self.output, as: UTF8.self) }

        /// The lines of the output, each a JSON object.
        func events() throws -> [[String: Any]] {
            try self.text.split(separator: "\n").map { line in
                try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any], "\(line)")
            }
        }
    }

    /// Everything of the test lies in here; commands run in `here`.
    let directory: String
    let here: String
    /// Where the share `inbox` lies.
    let share: String
    let port: Int
    let log: Watcher
    private let daemon: Child
    private let ended = Mutex<Int32?>(nil)
    private let wasKilled = Mutex(false)

    /// The daemon's process.
    var process: Int32 { self.daemon.process }
    var child: Child { self.daemon }

    /// Starts a daemon with the share `inbox`, logs alice in as `nas`, runs `body`, and ends the daemon.
    ///
    /// `settings` are environment variables, such as `FERRY_LIMITS_CONNECTIONS`.
    static func with(
        grant: String = "read,write",
        readOnly: Bool = false,
        settings: [String: String] = [:],
        _ body: (TestDaemon) async throws -> Void
    ) async throws {
        await Gate.shared.enter()
        defer { Task { await Gate.shared.leave() } }
        let directory = FileManager.default.temporaryDirectory.path + "/ferry-\(UInt64.random(in: 0 ... .max))"
        for name in ["here", "share"] {
            try FileManager.default.createDirectory(
                atPath: "\(directory)/\(name)",
                withIntermediateDirectories: true
            )
        }
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let daemon = try await TestDaemon(directory, settings)
        do {
            try await daemon.logIn(grant: grant, readOnly: readOnly)
            try await body(daemon)
        } catch {
            _ = await daemon.stop()
            throw error
        }
        let status = await daemon.stop()
        #expect(status == (daemon.wasKilled.withLock { $0 } ? 128 + SIGKILL : 0), "\(daemon.log.text)")
    }

    private init(_ directory: String, _ settings: [String: String]) async throws {
        self.directory = directory
        self.here = directory + "/here"
        self.share = directory + "/share"
        let pipe = Pipe()
        self.daemon = try Child(
            "ferryd",
            ["serve", "--state", directory + "/state", "--listen", "127.0.0.1:0"],
            environment: settings,
            directory: directory,
            errors: pipe.fileHandleForWriting
        )
        try pipe.fileHandleForWriting.close()
        self.log = Watcher(pipe.fileHandleForReading)
        let listening = /listening address="?127\.0\.0\.1:(\d+)/
        let text = try await self.log.text(matching: "listening address=\"?127\\.0\\.0\\.1:[0-9]+[^0-9]")
        self.port = try #require(text.firstMatch(of: listening).flatMap { Int($0.1) })
    }

    private func logIn(grant: String, readOnly: Bool) async throws {
        let state = ["--state", self.directory + "/state"]
        let flag = readOnly ? ["--read-only"] : []
        let added = try await self.run("ferryd", ["share", "add", "inbox", self.share] + flag + state)
        #expect(added.status == 0, "\(added.errors)")
        let grants = grant.isEmpty ? [] : ["--grant", "inbox=\(grant)"]
        // The port, which the system chose, is the daemon's to say.
        let host = ["--host", "127.0.0.1"]
        let link = try await self.run("ferryd", ["user", "add", "alice"] + grants + host + state)
        #expect(link.status == 0, "\(link.errors)")
        try self.write(link.output, to: "link")
        let login = try await self.ferry("login", "--name", "nas", "--link-file", "link")
        #expect(login.status == 0, "\(login.errors)")
    }

    /// Logs alice in once more, as `name`, at another port that leads to the daemon.
    func logIn(_ name: String, port: Int) async throws {
        let link = String(decoding: try self.read("link"), as: UTF8.self)
        let other = link.replacingOccurrences(of: ":\(self.port)", with: ":\(port)")
        try self.write(Data(other.utf8), to: "link-\(name)")
        let login = try await self.ferry("login", "--name", name, "--link-file", "link-\(name)")
        #expect(login.status == 0, "\(login.errors)")
    }

    /// Logs alice in once more, as `name`, with something in between that has a certificate of its own.
    func logIn(_ name: String, port: Int, pin: Fingerprint) async throws {
        let link = try LoginLink(String(decoding: try self.read("link"), as: UTF8.self))
        let other = try LoginLink(user: link.user, secret: link.secret, host: link.host, port: port, pin: pin)
        try self.write(Data(other.text.utf8), to: "link-\(name)")
        let login = try await self.ferry("login", "--name", name, "--link-file", "link-\(name)")
        #expect(login.status == 0, "\(login.errors)")
    }

    /// The port of the listener without TLS, if `FERRY_LISTEN_PLAIN` is `127.0.0.1:0`.
    func plainPort() async throws -> Int {
        let text = try await self.log.text(matching: #"127\.0\.0\.1:[0-9]+ \(plain\)"#)
        return try #require(text.firstMatch(of: /127\.0\.0\.1:(\d+) \(plain\)/).flatMap { Int($0.1) })
    }

    /// Starts a program in ``here``; what it says is not kept.
    func start(_ program: String, _ arguments: [String]) throws -> Child {
        try Child(program, arguments, environment: self.environment, directory: self.here)
    }

    /// Ends the daemon, unless it has ended, and waits for it.
    ///
    /// - Returns: its exit status.
    func stop() async -> Int32 {
        if let status = self.ended.withLock({ $0 }) { return status }
        self.daemon.send(SIGTERM)
        let status = await self.daemon.status()
        self.ended.withLock { $0 = status }
        return status
    }

    /// Takes the daemon away at once.
    func kill() {
        self.wasKilled.withLock { $0 = true }
        self.daemon.send(SIGKILL)
    }

    /// Sends the daemon a signal.
    func signal(_ number: Int32) { self.daemon.send(number) }

    /// Writes the daemon's configuration file, which it reads at the next reload.
    func configure(_ yaml: String) throws {
        try Data(yaml.utf8).write(to: URL(fileURLWithPath: self.directory + "/state/ferryd.yaml"))
    }

    /// Runs an administrator's command on the daemon.
    func ferryd(_ arguments: String...) async throws -> Outcome {
        try await self.run("ferryd", arguments + ["--state", self.directory + "/state"])
    }

    /// Runs `body` with the daemon, or, where it was killed, with another one in its place.
    func again(isKilled: Bool, _ body: () async throws -> Void) async throws {
        guard isKilled else { return try await body() }
        self.kill()
        _ = await self.stop()
        let pipe = Pipe()
        let daemon = try Child(
            "ferryd",
            ["serve", "--state", self.directory + "/state", "--listen", "127.0.0.1:\(self.port)"],
            environment: [:],
            directory: self.directory,
            errors: pipe.fileHandleForWriting
        )
        try pipe.fileHandleForWriting.close()
        _ = try await Watcher(pipe.fileHandleForReading).text(matching: " info ready ")
        try await body()
        daemon.send(SIGTERM)
        #expect(await daemon.status() == 0)
    }

    /// Runs `ferry`.
    func ferry(_ arguments: String..., input: Data? = nil) async throws -> Outcome {
        try await self.run("ferry", arguments, input: input)
    }

    /// Runs a shell script in which `ferry` is found.
    func shell(_ script: String) async throws -> Outcome { try await self.run("/bin/sh", ["-c", script]) }

    /// Runs a program in ``here`` to its end.
    func run(_ program: String, _ arguments: [String], input: Data? = nil) async throws -> Outcome {
        let name = "\(self.directory)/\(UInt64.random(in: 0 ... .max))"
        for suffix in ["in", "out", "err"] {
            try (suffix == "in" ? input ?? Data() : Data()).write(to: URL(fileURLWithPath: "\(name).\(suffix)"))
        }
        let child = try Child(
            program,
            arguments,
            environment: self.environment,
            directory: self.here,
            input: try #require(FileHandle(forReadingAtPath: name + ".in")),
            output: try #require(FileHandle(forWritingAtPath: name + ".out")),
            errors: try #require(FileHandle(forWritingAtPath: name + ".err"))
        )
        let status = await child.status()
        return Outcome(
            status: status,
            output: try Data(contentsOf: URL(fileURLWithPath: name + ".out")),
            errors: String(decoding: try Data(contentsOf: URL(fileURLWithPath: name + ".err")), as: UTF8.self)
        )
    }

    /// What `ferry` runs with.
    var environment: [String: String] {
        let programs = URL(fileURLWithPath: Child.built("ferry")).deletingLastPathComponent().path
        return [
            "FERRY_CONFIG_DIR": self.directory + "/config", "FERRY_CACHE_DIR": self.directory + "/cache",
            "PATH": "\(programs):/usr/bin:/bin", "TERM": "xterm",
            "LC_ALL": "C",
        ]
    }

    /// Writes a file of ``here``.
    func write(_ data: Data, to name: String) throws {
        try data.write(to: URL(fileURLWithPath: "\(self.here)/\(name)"))
    }

    func read(_ name: String) throws -> Data { try Data(contentsOf: URL(fileURLWithPath: "\(self.here)/\(name)")) }

    /// Reads a file of the share.
    func shared(_ name: String) throws -> Data {
        try Data(contentsOf: URL(fileURLWithPath: "\(self.share)/\(name)"))
    }

    /// Makes a file of 1 TiB in the share: sparse, so that it costs nothing, and far too long to be pulled in a test.
    func makeHugeFile(_ name: String) throws {
        try Data().write(to: URL(fileURLWithPath: "\(self.share)/\(name)"))
        let handle = try #require(FileHandle(forWritingAtPath: "\(self.share)/\(name)"))
        try handle.truncate(atOffset: 1 << 40)
        try handle.close()
    }

    /// Everything in a directory, hidden files included.
    func names(in directory: String) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: directory).sorted()
    }

    /// Bytes that do not compress, the same for the same seed.
    static func noise(_ count: Int, seed: UInt64 = 1) -> Data {
        var state = seed
        var bytes = [UInt8](repeating: 0, count: count)
        for index in bytes.indices {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            bytes[index] = UInt8(truncatingIfNeeded: state >> 33)
        }
        return Data(bytes)
    }
}

/// Lets a few daemons run at once: tests start together, and each brings several processes.
private actor Gate {
    static let shared = Gate(4)

    private var free: Int
    private var waiting: [CheckedContinuation<Void, Never>] = []

    private init(_ free: Int) { self.free = free }

    func enter() async {
        if self.free > 0 {
            self.free -= 1
        } else {
            await withCheckedContinuation { self.waiting.append($0) }
        }
    }

    func leave() {
        if self.waiting.isEmpty { self.free += 1 } else { self.waiting.removeFirst().resume() }
    }
}
