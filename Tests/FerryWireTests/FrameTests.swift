import FerryErrors
import FerryWire
import FoundationEssentials
import NIOCore
import Testing

struct FrameTests {
    @Test func aFrameThatNoPeerAcceptsIsNotSent() {
        let tooLong = Frame.pull(path: Data(repeating: 1, count: WireConstants.headerLimit), compression: .auto)
        let tooBig = Frame(.keepAlive(WireKeepAlive()), payload: ByteBuffer(repeating: 0, count: (1 << 20) + 1))
        for frame in [tooLong, tooBig] {
            #expect { try frame.encoded() } throws: { ($0 as? FerryError)?.code == .limit }
        }
    }

    @Test func aFullBatchOfNamesFitsAHeader() throws {
        let count = WireConstants.namesPerFrame
        let frame = Frame.names(
            ids: Data(repeating: 0xFF, count: 32 * count),
            lengths: Array(repeating: 1 << 20, count: count)
        )
        #expect(try frame.encoded().readableBytes <= WireConstants.prefixLength + WireConstants.headerLimit)
    }

    @Test(arguments: ["x", "\u{10FFFF}", "e\u{301}\u{301}\u{301}"])
    func aFailureFitsAHeaderWhateverItsText(_ unit: String) throws {
        let long = String(repeating: unit, count: 100_000)
        let error = FerryError(.denied, long, remedy: "\u{200D}" + String(repeating: "\u{301}", count: 100_000))
        var decoder = FrameDecoder(limits: FrameLimits())
        let bytes = try Frame.failure(error).bytes()
        guard case .failure(let failure)? = try decoder.frames(in: [bytes[...]]).first?.body else {
            Issue.record("no failure came back")
            return
        }
        #expect(failure.message.unicodeScalars.count == 1000 && long.hasPrefix(failure.message))
        #expect(failure.remedy.unicodeScalars.count == 1000)
    }

    @Test(arguments: [
        ("no-space", "no-space"), ("from-the-future", "from-the-future"), ("", "internal"),
        ("\u{1B}]0;x\u{07}", "internal"),
        ("a\nferry: all done", "internal"), (String(repeating: "a", count: 41), "internal"),
    ])
    func aPeersCodeHasTheFormOfOne(_ sent: String, _ code: String) {
        #expect(FerryError(peer: make(WireFailure()) { $0.code = sent }).code.rawValue == code)
    }

    /// Names in it were escaped where they were known.
    @Test func whatAPeerEscapedIsNotEscapedTwice() {
        let failure = make(WireFailure()) { $0.message = #"cannot look up a\\b\xFE"# + "\u{1B}" }
        #expect(FerryError(peer: failure).message == #"cannot look up a\\b\xFE\x1B"#)
    }

    @Test func whatAPeerSaysIsEscapedAndKnownAsItsOwn() {
        let failure = make(WireFailure()) {
            $0.code = "not-found"
            $0.message = "a\u{1B}[31m\nb"
            $0.remedy = "\u{202E}x"
        }
        let error = FerryError(peer: failure)
        #expect(error.code == .notFound && error.origin == .remote)
        #expect(error.message == "a\\x1B[31m\\x0Ab" && error.remedy == "\\u{202e}x")
        #expect(FerryError(peer: WireFailure()).remedy == nil)
    }

    @Test func aReceivedFrameWeighsWhatItHolds() throws {
        let block = Frame.block(codec: .stored, ids: Frames.ferry, lengths: [6], payload: ByteBuffer(string: "ferry\n"))
        let bytes = try block.bytes()
        var decoder = FrameDecoder(limits: FrameLimits())
        let received = try #require(try decoder.frames(in: [bytes[...]]).first)
        #expect(received == block)
        #expect(received.weight == block.weight + 4 * (bytes.count - WireConstants.prefixLength - 6))
    }
}
