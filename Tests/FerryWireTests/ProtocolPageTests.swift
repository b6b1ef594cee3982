import FerryErrors
import FerryWire
import Testing

/// The byte-exact examples of Docs/protocol.md, in both directions.
struct ProtocolPageTests {
    @Test func everyExampleIsKnownAndEveryFrameIsShown() throws {
        #expect(try ProtocolPage.examples().map(\.name) == Frames.all.map(\.name))
    }

    @Test func framesEncodeToTheExamples() throws {
        for (example, (_, frame)) in zip(try ProtocolPage.examples(), Frames.all) {
            #expect(try frame.bytes() == example.bytes, "\(example.name)")
        }
    }

    @Test func examplesDecodeToTheFrames() throws {
        for (example, (_, frame)) in zip(try ProtocolPage.examples(), Frames.all) {
            var decoder = FrameDecoder(limits: FrameLimits())
            #expect(try decoder.frames(in: [example.bytes[...]]) == [frame], "\(example.name)")
            #expect(decoder.isAtBoundary)
        }
    }
}
