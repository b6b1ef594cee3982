import FerryChunking
import FerryClient
import FerryErrors
import FerryProtocol
import FerryTestKit
import FerryTransfer
import FerryWire
import FoundationEssentials
import NIOCore
import Testing

/// What a sender's frames, damaged, make of a receiver: at the daemon and at the client.
@Suite struct ReceiverFuzzTests {
    private static let transfer = ["names", "block-stored", "block-zlib", "names-again", "end"]

    /// The recipe that these frames named.
    private static func recipe(_ frames: [Frame]) throws -> [(id: ChunkID, length: Int)] {
        try frames.flatMap { frame -> [(id: ChunkID, length: Int)] in
            guard case .names(let names) = frame.body else { return [] }
            return zip(try ChunkID.unpack(names.ids), names.lengths).map { ($0, Int($1)) }
        }
    }

    /// What was committed is, byte for byte, what the recipe names.
    private static func judge(_ content: [UInt8], _ recipe: [(id: ChunkID, length: Int)]) throws {
        var rest = content[...]
        for (id, length) in recipe {
            let chunk = Array(rest.prefix(length))
            try hold(chunk.count == length, "the file is shorter than its recipe")
            try hold(chunk.withUnsafeBytes { ChunkID(hashing: $0) } == id, "a chunk is not what its name says")
            rest = rest.dropFirst(length)
        }
        try hold(rest.isEmpty, "the file is \(rest.count) bytes longer than its recipe")
    }

    @Test func theIntactTransferIsTaken() throws {
        for isRandomAccess in [true, false] {
            let destination = WatchedDestination(announced: 76, isRandomAccess: isRandomAccess)
            let receiver = FileReceiver(destination: destination, announcedSize: 76, limits: FrameLimits())
            // A stream wants the repeat once more.
            let script = try Script(
                isRandomAccess ? Self.transfer : Self.transfer.dropLast() + ["block-stored", "end"]
            )
            for frame in script.intact {
                try receiver.received(frame, sink: Sink())
                _ = try receiver.proceed(sink: Sink())
            }
            #expect(destination.committed?.count == 76 && receiver.isFinished)
        }
    }

    @Test func aReceiverCommitsWhatTheRecipeNamesOrNothing() throws {
        let script = try Script(Self.transfer)
        var finished = 0
        try Script.run(10_000) { generator in
            let announced: UInt64? = generator.oneIn(2) ? 76 : nil
            let destination = WatchedDestination(announced: announced, isRandomAccess: generator.oneIn(2))
            let receiver = FileReceiver(destination: destination, announcedSize: announced, limits: FrameLimits())
            let sink = Sink()
            var taken: [Frame] = []
            do {
                for frame in script.damaged(&generator) {
                    try receiver.received(frame, sink: sink)
                    _ = try receiver.proceed(sink: sink)
                    taken.append(frame)
                }
            } catch let error as FerryError {
                try error.judge()
            }
            try hold(destination.offence == nil, destination.offence ?? "")
            try hold((destination.committed != nil) == receiver.isFinished, "it is finished without a file")
            if let content = destination.committed {
                finished += 1
                try Self.judge(content, try Self.recipe(taken))
                try hold(announced == nil || content.count == 76, "it is \(content.count) bytes, announced were 76")
            }
        }
        #expect(finished > 100)
    }

    /// The same with frames that come on joined connections, and blocks that come once more.
    @Test func joinedConnectionsChangeNothingOfThat() throws {
        let scripts = try [Self.transfer, ["names", "block-again", "block-zlib", "names-again", "end"]].map {
            try Script($0)
        }
        var finished = 0
        try Script.run(10_000) { generator in
            let destination = WatchedDestination(announced: 76, isRandomAccess: true)
            let receiver = FileReceiver(destination: destination, announcedSize: 76, limits: FrameLimits())
            let sink = Sink()
            var taken: [Frame] = []
            do {
                for frame in scripts[generator.below(2)].damaged(&generator) {
                    let isJoined = if case .block = frame.body { generator.oneIn(2) } else { generator.oneIn(40) }
                    if isJoined {
                        try receiver.received(frame, from: 1 + generator.below(2), sink: sink)
                    } else {
                        try receiver.received(frame, sink: sink)
                    }
                    if generator.oneIn(10) { receiver.lost(1) }
                    _ = try receiver.proceed(sink: sink)
                    taken.append(frame)
                }
            } catch let error as FerryError {
                try error.judge()
            }
            try hold(destination.offence == nil, destination.offence ?? "")
            try hold((destination.committed != nil) == receiver.isFinished, "it is finished without a file")
            guard let content = destination.committed else { return }
            finished += 1
            try Self.judge(content, try Self.recipe(taken))
        }
        #expect(finished > 100)
    }

    /// The same at the client, with the daemon's first answer in front.
    @Test func aPullCommitsWhatTheRecipeNamesOrNothing() throws {
        let script = try Script(["ready"] + Self.transfer)
        var finished = 0
        try Script.run(10_000) { generator in
            var destination: WatchedDestination?
            let isRandomAccess = generator.oneIn(2)
            let request = PullRequest(path: Data("inbox/a".utf8), compression: .off, onProgress: nil) {
                ready throws(FerryError) in
                _ = try ready.metadata.modified()
                let made = WatchedDestination(
                    announced: ready.hasSize ? ready.size : nil,
                    isRandomAccess: isRandomAccess
                )
                destination = made
                return made
            }
            let sink = Sink()
            var taken: [Frame] = []
            var progress = Progress.waiting
            do {
                progress = try request.proceed(sink: sink)
                for frame in script.damaged(&generator) where progress != .finished {
                    try request.received(frame, sink: sink)
                    progress = try request.proceed(sink: sink)
                    taken.append(frame)
                }
            } catch let error as FerryError {
                try error.judge()
            }
            try hold(destination?.offence == nil, destination?.offence ?? "")
            try hold((destination?.committed != nil) == (progress == .finished), "it is finished without a file")
            if let content = destination?.committed {
                finished += 1
                try Self.judge(content, try Self.recipe(taken))
            }
        }
        #expect(finished > 100)
    }

    @Test func aListingHoldsNamesOnly() throws {
        let script = try Script(["entries", "entries", "finished-list"])
        try Script.run(10_000) { generator in
            let request = SimpleRequest(.list(path: Data())) { entries throws(FerryError) in
                for entry in entries {
                    let isName = (1...255).contains(entry.name.count) && !entry.name.contains(0)
                    let isSafe = isName && ![Data(".".utf8), Data("..".utf8)].contains(entry.name)
                    guard isSafe, !entry.name.contains(UInt8(ascii: "/")) else {
                        throw FerryError(.internalError, "\(Array(entry.name)) is listed")
                    }
                }
            }
            let sink = Sink()
            do {
                for frame in script.damaged(&generator) {
                    try request.received(frame, sink: sink)
                    if try request.proceed(sink: sink) == .finished { break }
                }
            } catch let error as FerryError {
                try error.judge()
            }
        }
    }
}
