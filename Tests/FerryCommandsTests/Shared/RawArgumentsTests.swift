import FerryCommands
import Testing

@Suite struct RawArgumentsTests {
    @Test func textStaysText() {
        for text in ["", "a", "Über/\u{65E5}\u{672C}", "e\u{301}", "\u{10FEFF}"] {
            #expect(RawArguments.text(Array(text.utf8)) == text)
            #expect(RawArguments.bytes(text) == Array(text.utf8))
        }
    }

    @Test func anyBytesComeBack() {
        let seed = UInt64.random(in: 0 ... .max)
        var state = seed
        for length in 0..<300 {
            // Few different bytes, so that sequences of UTF-8 and their carriers come up.
            let choices: [UInt8] = [0x61, 0xC3, 0xBC, 0xF4, 0x8F, 0xBF, 0xBC, 0x80, 0xFF, 0xED, 0xA0]
            let bytes = (0..<length).map { _ in
                state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                return choices[Int(state >> 33) % choices.count]
            }
            #expect(RawArguments.bytes(RawArguments.text(bytes)) == bytes, "seed \(seed), length \(length)")
        }
    }

    @Test func aCarrierInAnArgumentIsNoOtherByte() {
        let carrier = Array("\u{10FFC3}".utf8)
        #expect(RawArguments.text(carrier) != "\u{10FFC3}")
        #expect(RawArguments.bytes(RawArguments.text(carrier)) == carrier)
        #expect(RawArguments.text([0xC3]) == "\u{10FFC3}")
        #expect(RawArguments.shown("\u{10FFC3}") == "\\xC3")
    }
}
