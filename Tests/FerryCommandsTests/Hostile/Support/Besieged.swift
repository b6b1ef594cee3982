import FerryErrors
import FerryTransport
import FerryWire
import Foundation
import Synchronization
import Testing

/// A real daemon with a plain listener for those who do it harm, and the real client for those who do not.
final class Besieged: Sendable {
    /// What the allocator may keep of what an attack took, in bytes, once it has given back what it could: the pages that
    /// something small still lies in.
    static let tolerance = 6 << 20

    let daemon: TestDaemon
    let port: Int
    let token: String

    /// Starts a daemon whose deadlines are short where `settings` say so, runs `body`, and ends it.
    ///
    /// - Parameters:
    ///   - settings: environment variables, such as `FERRY_TIMEOUTS_IDLE`.
    ///   - body: the test.
    /// - Throws: what `body` throws.
    static func with(_ settings: [String: String] = [:], _ body: (Besieged) async throws -> Void) async throws {
        var all = ["FERRY_LISTEN_PLAIN": "127.0.0.1:0", "FERRY_LIMITS_RESERVE": "0", "FERRY_PENALTIES_FIRST": "0s"]
        all.merge(settings) { $1 }
        try await TestDaemon.with(settings: all) { daemon in try await body(try await Besieged(daemon)) }
    }

    private init(_ daemon: TestDaemon) async throws {
        self.daemon = daemon
        self.port = try await daemon.plainPort()
        self.token = try LoginLink(String(decoding: daemon.read("link"), as: UTF8.self)).secret
    }

    func connect(from source: String = "127.0.0.1") async throws -> WirePeer {
        try await .connect(port: self.port, from: source)
    }

    func hello(_ token: String? = nil) -> Frame {
        .hello(
            token: token ?? self.token,
            features: [WireConstants.joinFeature],
            limits: FrameLimits(),
            agent: "test/1"
        )
    }

    func logIn(from source: String = "127.0.0.1") async throws -> WirePeer {
        let peer = try await self.connect(from: source)
        try await peer.send(self.hello())
        let answer = await peer.next()
        guard case .welcome = answer?.body else { throw WirePeer.Unexpected(answer) }
        return peer
    }

    /// A connection that has joined the transfer of the first of these tickets.
    func join(_ tickets: [Data]) async throws -> WirePeer {
        let peer = try await self.logIn()
        try await peer.send(.join(try #require(tickets.first)))
        try await peer.ready()
        return peer
    }

    /// Puts a directory with two files into the share, as `tree`.
    func makeTree() throws {
        let path = self.daemon.share + "/tree"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        for name in ["a", "b"] {
            let content = TestDaemon.noise(200_000, seed: name == "a" ? 1 : 2)
            try content.write(to: URL(fileURLWithPath: "\(path)/\(name)"))
        }
    }

    /// Runs an attack. Afterwards the daemon serves the real client as before, holds no more memory than before, and has
    /// left nothing half.
    ///
    /// - Parameters:
    ///   - tolerance: bytes by which its memory may differ.
    ///   - sourceLocation: of the test.
    ///   - attack: what is done to it.
    /// - Throws: what `attack` throws.
    func withstand(
        tolerance: Int = tolerance,
        sourceLocation: SourceLocation = #_sourceLocation,
        _ attack: () async throws -> Void
    ) async throws {
        // What a daemon that is in use holds anyway.
        for _ in 0..<2 { try await self.serve(sourceLocation) }
        var before = Int.max
        for _ in 0..<3 {
            try await self.settle()
            before = min(before, try self.memory())
        }
        try await attack()
        var now = Int.max
        // Connections that were cut a moment ago are let go of while it serves.
        for _ in 0..<40 where now > before + tolerance {
            try await self.serve(sourceLocation)
            try await self.settle()
            now = try self.memory()
        }
        #expect(
            now <= before + tolerance,
            "\(now >> 10) KiB are held, before: \(before >> 10)",
            sourceLocation: sourceLocation
        )
        // What the next push to the same name would not find would lie there for nothing.
        let rests = try FileManager.default.subpathsOfDirectory(atPath: self.daemon.share)
            .filter { $0.contains(".ferry-part.x") }
        #expect(rests == [], sourceLocation: sourceLocation)
    }

    /// Has the daemon give back what it does not use: after every so many connections it does.
    func settle() async throws {
        for _ in 0..<64 { await (try await self.connect(from: "127.0.0.8")).close() }
    }

    /// A push and a pull by the real client.
    func serve(_ sourceLocation: SourceLocation = #_sourceLocation) async throws {
        let data = TestDaemon.noise(4 << 20, seed: 17)
        try self.daemon.write(data, to: "sent")
        let push = try await self.daemon.ferry("push", "-q", "sent", "nas:inbox/served")
        #expect(push.status == 0, "\(push.errors)", sourceLocation: sourceLocation)
        let pull = try await self.daemon.ferry("pull", "-q", "nas:inbox/served", "received")
        #expect(pull.status == 0, "\(pull.errors)", sourceLocation: sourceLocation)
        #expect(try self.daemon.read("received") == data, sourceLocation: sourceLocation)
    }

    /// Whether the share holds that name.
    func shares(_ name: String) throws -> Bool { try self.daemon.names(in: self.daemon.share).contains(name) }

    /// Bytes that the daemon holds and shares with nobody.
    func memory() throws -> Int { try Self.status(self.daemon.process, "RssAnon") }

    /// The most that it has ever held, or since ``forgetPeak()``, the program's own pages included.
    func peak() throws -> Int { try Self.status(self.daemon.process, "VmHWM") }

    /// Ticks of the clock, a hundred a second, for which the daemon's threads have run, whoever else had the processors meanwhile.
    func processorTime() throws -> Int {
        let text = try String(contentsOfFile: "/proc/\(self.daemon.process)/stat", encoding: .utf8)
        // proc_pid_stat(5): the program's name may hold anything; utime and stime are the 12th and 13th behind it.
        let fields = try #require(text.split(separator: ")").last).split(separator: " ")
        return try #require(Int(fields[11])) + #require(Int(fields[12]))
    }

    func forgetPeak() throws {
        let file = try #require(FileHandle(forWritingAtPath: "/proc/\(self.daemon.process)/clear_refs"))
        try file.write(contentsOf: Data("5".utf8))
        try file.close()
    }

    private static func status(_ process: Int32, _ name: String) throws -> Int {
        let text = try String(contentsOfFile: "/proc/\(process)/status", encoding: .utf8)
        let line = try #require(text.split(separator: "\n").first { $0.hasPrefix(name + ":") })
        return try #require(line.split(separator: " ").dropFirst().first.flatMap { Int($0) }) << 10
    }
}

/// A value that is set on an event loop and read afterwards.
final class SetLater<Value: Sendable>: Sendable {
    private let value = Mutex<Value?>(nil)
    func set(_ value: Value) { self.value.withLock { $0 = value } }
    func get() -> Value? { self.value.withLock { $0 } }
}
