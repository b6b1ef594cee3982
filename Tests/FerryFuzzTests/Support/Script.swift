import FerryTestKit
import FerryWire
import NIOCore

/// Frames that one side sends, out of the corpus, and damaged versions of them.
struct Script: Sendable {
    private let frames: [[UInt8]]
    private let headers: [[UInt8]]
    private let mutator: Mutator

    /// - Parameter names: of the corpus's frames, in order.
    /// - Throws: ``Broken`` if the corpus lacks one.
    init(_ names: [String]) throws {
        let corpus = try Corpus("frame")
        let messages = try Corpus("message")
        self.frames = names.compactMap { name in corpus.inputs.first { $0.name == name + ".hex" }?.bytes }
        self.headers = messages.inputs.map(\.bytes)
        self.mutator = Mutator(messages)
        try hold(self.frames.count == names.count, "the corpus lacks one of \(names)")
    }

    /// - Parameter frames: that one side sent, in order.
    /// - Throws: what encoding them fails with.
    init(_ frames: [Frame]) throws {
        let messages = try Corpus("message")
        self.frames = try frames.map { Array(try $0.encoded().readableBytesView) }
        self.headers = messages.inputs.map(\.bytes)
        self.mutator = Mutator(messages)
    }

    /// The frames as they are.
    var intact: [Frame] { Decoding(Array(self.frames.joined())).frames }

    /// The frames with one to four changes: left out, repeated, swapped, strange ones between, bytes damaged. What no
    /// longer is a frame is left out, for the decoder has refused it.
    func damaged(_ generator: inout SeededGenerator) -> [Frame] {
        var parts = self.frames.map { frame in
            var buffer = ByteBuffer(bytes: frame)
            let length = Int(buffer.readInteger(as: UInt32.self) ?? 0)
            return (header: Array(frame.dropFirst(8).prefix(length)), payload: Array(frame.dropFirst(8 + length)))
        }
        for _ in 0...generator.below(4) {
            guard !parts.isEmpty else { break }
            let place = generator.below(parts.count)
            switch generator.below(6) {
            case 0: parts.remove(at: place)
            case 1: parts.insert(parts[place], at: generator.below(parts.count))
            case 2: parts.swapAt(place, generator.below(parts.count))
            case 3: parts.insert((self.headers[generator.below(self.headers.count)], []), at: place)
            case 4: parts[place].payload = self.mutator.mutate(parts[place].payload, &generator)
            default: parts[place].header = self.mutator.mutate(parts[place].header, &generator)
            }
        }
        return parts.compactMap { Frame.parsing(header: $0.header, payload: $0.payload) }
    }

    /// One strange frame, or a damaged version of `frame`.
    func damaged(_ frame: Frame, _ generator: inout SeededGenerator) -> Frame? {
        guard !generator.oneIn(4), let bytes = try? Array(frame.encoded().readableBytesView) else {
            return Frame.parsing(header: self.headers[generator.below(self.headers.count)])
        }
        let header = bytes.dropFirst(8).prefix(bytes.count - 8 - frame.payload.readableBytes)
        let mutant = self.mutator.mutate(Array(header), &generator)
        return Frame.parsing(header: mutant, payload: Array(frame.payload.readableBytesView))
    }
}

extension Script {
    /// Runs `check` as often as a usual run or a soak asks, each time with a generator of its own.
    static func run(
        _ usual: Int,
        name: String = #function,
        _ check: (inout SeededGenerator) throws -> Void
    ) throws {
        let seed = Soak.seed(name)
        for number in 0..<Soak.count(usual, soak: usual * 500) {
            var generator = SeededGenerator(seed: (seed &+ UInt64(number)) &* 0x2545_F491_4F6C_DD1D)
            do { try check(&generator) } catch {
                throw Fuzz.Failure(description: "\(error)\nround \(number), FERRY_SEED=\(seed)")
            }
        }
    }
}
