import FerryFiles
import FerryProtocol
import FerryTestKit
import Foundation
import Glibc
import NIOPosix
import Testing

/// A push into a share, or a pull into a directory, whose file system fails as a script says; the other side's does not.
final class FaultyReceiver {
    enum Direction: String, CaseIterable, Sendable { case push, pull }

    /// What the receiver has when a transfer begins.
    enum Past: String, CaseIterable, Sendable {
        /// Nothing; a push makes the directories.
        case nothing
        /// An old version that most is copied from; a push reaches it through a link.
        case similar
        /// An old version, and of a transfer that was cut the first half and bytes beyond the end.
        case cut
        /// The file itself, with another mode.
        case same
    }

    private static let modified = Date(timeIntervalSince1970: 1_700_000_000)

    let direction: Direction
    let past: Past
    let script = FaultScript()
    let old: [UInt8]?
    let new: [UInt8]
    private let server: SessionServer
    /// The client's.
    private let directory: TemporaryDirectory
    private let pool = NIOThreadPool(numberOfThreads: 2)
    /// The partial file of a transfer that was cut: its name and what is in it.
    private var partial: (name: String, bytes: [UInt8])?

    /// Where the file arrives, beneath ``target``.
    private var name: String { self.past == .nothing && self.direction == .push ? "a/b/file" : "file" }
    private var source: String { (self.direction == .push ? self.directory.path : self.server.inbox) + "/source" }
    /// The receiver's directory.
    private var target: String { self.direction == .push ? self.server.inbox : self.directory.path + "/target" }

    init(_ direction: Direction, _ past: Past) async throws {
        (self.direction, self.past) = (direction, past)
        var generator = SeededGenerator(seed: 51)
        // More than a block that is written past the page cache, and no multiple of a page.
        let new = generator.bytes(1 << 20 + 200_321)
        self.new = new
        switch past {
        case .nothing: self.old = nil
        case .similar: self.old = new[..<1000] + generator.bytes(100_000) + new[50_000...]
        case .cut: self.old = Array("old".utf8)
        case .same: self.old = new
        }
        self.directory = try TemporaryDirectory()
        self.server = try await SessionServer(calls: direction == .push ? self.script.calls : .real)
        self.pool.start()
        if direction == .pull { try Self.makeDirectory(self.target) }
        try Data(new).write(to: URL(filePath: self.source))
        try FileManager.default.setAttributes([.modificationDate: Self.modified], ofItemAtPath: self.source)
        if past == .cut { try await self.cutOnce() }
    }

    func stop() async throws {
        try await self.pool.shutdownGracefully()
        try await self.server.stop()
    }

    /// A full disk leaves a partial file, which is the one that is put there from then on.
    private func cutOnce() async throws {
        self.script.arm(.init(name: .pwrite, index: 1, errno: ENOSPC, kind: .once))
        _ = await self.transfer()
        self.script.disarm()
        let name = try #require(try self.names().first)
        try #require(name.hasPrefix(".ferry-part."))
        self.partial = (name, self.new[..<(self.new.count / 2)] + [UInt8](repeating: 7, count: self.new.count))
    }

    /// Puts what was there before a transfer, and nothing else, into the receiver's directory.
    func reset() throws {
        for name in try FileManager.default.contentsOfDirectory(atPath: self.target) where name != "source" {
            try FileManager.default.removeItem(atPath: self.target + "/" + name)
        }
        if let old = self.old { try Data(old).write(to: URL(filePath: self.target + "/file")) }
        if let partial = self.partial {
            try Data(partial.bytes).write(to: URL(filePath: self.target + "/" + partial.name))
        }
        switch self.past {
        case .similar where self.direction == .push:
            try FileManager.default.createSymbolicLink(atPath: self.target + "/link", withDestinationPath: "file")
        case .same:
            try FileManager.default.setAttributes(
                [.modificationDate: Self.modified, .posixPermissions: 0o600],
                ofItemAtPath: self.target + "/file"
            )
        default: break
        }
    }

    /// Transfers the file over a connection of its own.
    func transfer() async -> Result<TransferSummary, any Error> {
        let transfers = PlainTransfers(port: self.server.port, token: self.server.token, pool: self.pool)
        return await transfers.connected { connection in
            switch self.direction {
            case .push:
                let name = self.past == .similar ? "link" : self.name
                return try await PlainTransfers.push(self.source, to: "inbox/\(name)", connection)
            case .pull:
                let root = try RootDirectory(path: self.target, calls: self.script.calls)
                return try await PlainTransfers.pull("inbox/source", to: self.name, in: root, connection)
            }
        }
    }

    /// The file that arrives, as it is now.
    func content() -> [UInt8]? {
        (try? Data(contentsOf: URL(filePath: self.target + "/" + self.name))).map { Array($0) }
    }

    /// What lies with the receiver besides the file, the link to it and what a push makes for it.
    func names() throws -> [String] {
        let known = [self.name, "source", "link", "a", "a/b"]
        return try FileManager.default.subpathsOfDirectory(atPath: self.target).filter { !known.contains($0) }
    }

    private static func makeDirectory(_ path: String) throws {
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }
}
