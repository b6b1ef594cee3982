import FerryFiles
import FerryProtocol
import FerryTestKit
import FoundationEssentials
import NIOPosix
import Testing

/// A link that ends after any number of bytes, in either direction: the old file is whole, and the same transfer once more
/// makes the new one.
@Suite(.timeLimit(.minutes(Soak.count(5, soak: 120)))) struct CutTests {
    enum Direction: String, CaseIterable, Sendable { case push, pull }

    /// What is transferred, and where its receiver is.
    private struct Scene {
        let direction: Direction
        let daemon: LiveDaemon
        let local: TemporaryDirectory
        let transfers: PlainTransfers
        let old: [UInt8]
        let new: [UInt8]

        private var here: String { self.local.path + "/here" }
        private var source: String { (self.direction == .push ? self.local.path : self.daemon.inbox) + "/source" }
        private var target: String { self.direction == .push ? self.daemon.inbox : self.here }

        init(_ direction: Direction, _ daemon: LiveDaemon, _ relay: CuttingRelay, _ pool: NIOThreadPool) throws {
            self.direction = direction
            self.daemon = daemon
            self.local = try TemporaryDirectory()
            self.transfers = PlainTransfers(port: relay.port, token: daemon.token, pool: pool)
            var generator = SeededGenerator(seed: 54)
            self.new = generator.bytes(150_321)
            // Some of the new version is in the old one, so that chunks are had, too.
            self.old = Array(self.new[..<60_000]) + generator.bytes(40_000)
            try FileManager.default.createDirectory(atPath: self.here, withIntermediateDirectories: true)
            try Data(self.new).write(to: URL(filePath: self.source))
        }

        /// Has the receiver hold the old version and nothing else.
        func reset() throws {
            for name in try FileManager.default.contentsOfDirectory(atPath: self.target) where name != "source" {
                try FileManager.default.removeItem(atPath: self.target + "/" + name)
            }
            try Data(self.old).write(to: URL(filePath: self.target + "/file"))
        }

        func run() async -> Result<TransferSummary, any Error> {
            await self.transfers.connected { connection in
                switch self.direction {
                case .push: return try await PlainTransfers.push(self.source, to: "inbox/file", connection)
                case .pull:
                    let root = try RootDirectory(path: self.here)
                    return try await PlainTransfers.pull("inbox/source", to: "file", in: root, connection)
                }
            }
        }

        func content() throws -> [UInt8] { Array(try Data(contentsOf: URL(filePath: self.target + "/file"))) }

        /// What lies with the receiver besides the file.
        func rests() throws -> [String] {
            try FileManager.default.contentsOfDirectory(atPath: self.target).filter {
                !["file", "source"].contains($0)
            }
        }
    }

    /// Where frames end that were sent as `bytes`.
    private static func borders(_ bytes: [UInt8]) -> [Int] {
        var (place, borders) = (0, [0])
        while place + 8 <= bytes.count {
            let number = { (start: Int) in bytes[start..<(start + 4)].reduce(0) { $0 << 8 | Int($1) } }
            place += 8 + number(place) + number(place + 4)
            borders.append(place)
        }
        return borders
    }

    /// The whole way of it: at the borders of frames, a byte before and after them, behind a frame's lengths, and anywhere.
    private static func places(_ bytes: [UInt8], _ generator: inout SeededGenerator) -> [Int] {
        var places = Set(self.borders(bytes).flatMap { [$0 - 1, $0, $0 + 1, $0 + 8] })
        for _ in 0..<Soak.count(12, soak: 2000) { places.insert(generator.below(bytes.count + 1)) }
        return places.filter { (0...bytes.count).contains($0) }.sorted()
    }

    @Test(arguments: Direction.allCases, CuttingRelay.Way.allCases)
    func theOldFileIsWholeAndTheSameAgainSucceeds(_ direction: Direction, _ way: CuttingRelay.Way) async throws {
        var generator = SeededGenerator(seed: Soak.seed("a \(direction) cut on its way \(way)"))
        let pool = NIOThreadPool(numberOfThreads: 2)
        pool.start()
        try await LiveDaemon.run { daemon in
            let relay = try await CuttingRelay(to: daemon.port)
            let scene = try Scene(direction, daemon, relay, pool)
            // Once without a cut, to see what travels.
            try scene.reset()
            _ = try await scene.run().get()
            let places = Self.places(relay.passed(way), &generator)
            // The last frame of whoever sends the file says that it is complete.
            let isOfSender = (way == .toDaemon) == (direction == .push)
            let complete = isOfSender ? relay.passed(way).count : 0
            for place in places {
                let cut = CuttingRelay.Cut(way: way, bytes: place, isReset: generator.oneIn(2))
                try scene.reset()
                relay.set(cut)
                let result = await scene.run()
                let there = try scene.content()
                if case .success = result {
                    #expect(there == scene.new && place >= complete, "\(cut)")
                } else {
                    #expect(there == scene.old || there == scene.new && place >= complete, "\(cut)")
                }
                relay.set(nil)
                let again = await scene.run()
                if case .failure(let error) = again { Issue.record("after \(cut): \(error)") }
                #expect(try scene.content() == scene.new, "after \(cut)")
                #expect(try scene.rests() == [], "after \(cut)")
            }
            try await relay.close()
            print("a \(direction) cut at \(places.count) places on its way \(way)")
        }
        try await pool.shutdownGracefully()
    }
}
