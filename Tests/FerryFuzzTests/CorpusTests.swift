import FerryTestKit
import FerryWire
import Foundation
import NIOCore
import Testing

/// The corpora know the protocol as it is: a mutant of what no input holds is never made.
@Suite struct CorpusTests {
    /// The header as the encoders write it.
    private static func header(_ frame: Frame) throws -> [UInt8] {
        let bytes = Array(try frame.encoded().readableBytesView)
        return Array(bytes.dropFirst(WireConstants.prefixLength).dropLast(frame.payload.readableBytes))
    }

    @Test func theSchemaIsReadWhole() throws {
        let fields = try MessageSchema().fields
        for field in [
            "Header.join = 33", "Hello.magic = 1", "TreeOptions.numeric_ids = 11", "Filter.newer_than = 7",
            "Change.is_directory = 5", "Items.accounts = 11", "Block.lost_block = 21", "MakeDirectory.make_parents = 2",
        ] {
            #expect(fields.contains(field), "\(field)")
        }
        #expect(!fields.contains { $0.contains("KIND_") || $0.contains("CODEC_") })
    }

    /// Whoever adds a message or a field adds it to ``Seeds``, too.
    @Test func everyFieldOfEveryMessageIsInTheCorpusOfMessages() throws {
        let schema = try MessageSchema()
        var found: Set<String> = []
        for input in try Corpus("message").inputs {
            guard let frame = Frame.parsing(header: input.bytes) else { continue }
            found.formUnion(schema.fields(in: try Self.header(frame)))
        }
        #expect(schema.fields.subtracting(found).sorted() == [])
    }

    @Test func everyMessageIsInTheCorpusOfFrames() throws {
        let schema = try MessageSchema()
        var found: Set<String> = []
        for input in try Corpus("frame").inputs {
            for frame in Decoding(input.bytes).frames { found.formUnion(schema.fields(in: try Self.header(frame))) }
        }
        let messages = schema.fields.filter { $0.hasPrefix("Header.") }
        #expect(messages.subtracting(found).sorted() == [])
    }

    /// What the encoders make is what is committed; with `FERRY_WRITE_SEEDS=1` it is written.
    @Test(arguments: ["message", "frame"]) func theSeedsAreAsTheyAreEncoded(_ name: String) throws {
        let isMessage = name == "message"
        let inputs = try Corpus(name).inputs
        for seed in isMessage ? Seeds.messages : Seeds.frames {
            let bytes = try seed.frames.flatMap { frame in
                isMessage ? try Self.header(frame) : Array(try frame.encoded().readableBytesView)
            }
            if ProcessInfo.processInfo.environment["FERRY_WRITE_SEEDS"] == "1" {
                try Corpus.write(bytes, "\(name)/\(seed.name).hex", "made of Seeds.swift")
            } else {
                let input = inputs.first { $0.name == seed.name + ".hex" }
                #expect(input?.bytes == bytes, "\(seed.name).hex is to hold \(Fuzz.hex(bytes))")
            }
        }
    }

    /// Of a message that this version does not have the number must stay one that it does not have.
    @Test func anUnknownMessageIsUnknown() throws {
        let input = try #require(try Corpus("message").inputs.first { $0.name == "unknown-message.hex" })
        #expect(Frame.parsing(header: input.bytes) == nil)
        #expect(try MessageSchema().fields(in: input.bytes) == [])
    }
}
