import FerryErrors
import FerryTestKit
import FerryWire
import NIOCore
import Testing

/// Streams of bytes for the frame decoder.
@Suite struct FrameFuzzTests {
    /// However a stream is split, it is the same frames, and the same failure after them.
    @Test func splittingChangesNothing() throws {
        let fuzz = try Fuzz("frame")
        try fuzz.run(mutants: 3000) { bytes, generator in
            for limits in [FrameLimits(), .beforeHello] {
                let whole = Decoding(bytes, limits: limits)
                let single = Decoding(bytes.indices.map { bytes[$0...$0] }, limits: limits)
                try hold(whole.isSame(as: single), "one byte at a time: \(single), whole: \(whole)")
                let most = 1 + generator.below(64)
                var rest = bytes[...]
                var pieces: [ArraySlice<UInt8>] = []
                while !rest.isEmpty {
                    let length = min(rest.count, generator.below(most + 1))
                    pieces.append(rest.prefix(length))
                    rest = rest.dropFirst(length)
                }
                let split = Decoding(pieces, limits: limits)
                try hold(whole.isSame(as: split), "in pieces: \(split), whole: \(whole)")
            }
        }
    }

    /// What is taken keeps the limits, is paid for by the input, and travels again as it came.
    @Test func framesKeepTheLimitsAndTravelAgain() throws {
        let fuzz = try Fuzz("frame")
        try fuzz.run(mutants: 10_000) { bytes, _ in
            let decoding = Decoding(bytes)
            var used = 0
            for frame in decoding.frames {
                try hold(frame.payload.readableBytes <= WireConstants.payloadLimit, "a payload is over its limit")
                used += WireConstants.prefixLength + frame.payload.readableBytes
                // A header may grow by being written again (numbers of enumerations that were cut to 32 bits), but not
                // from less than a quarter of the limit to over it.
                guard let again = try? frame.encoded() else {
                    try hold(bytes.count > WireConstants.headerLimit / 4, "a small frame cannot be written")
                    continue
                }
                let second = Decoding(Array(again.readableBytesView))
                try hold(second.frames == [frame] && second.failure == nil, "it travels as \(second), came as \(frame)")
            }
            try hold(used <= bytes.count, "\(decoding.frames.count) frames came out of \(bytes.count) bytes")
            let codes: [FerryError.Code?] = [nil, .limit, .violation]
            try hold(codes.contains(decoding.failure), "it fails with \(String(describing: decoding.failure))")
        }
    }

    /// Each length is judged before a byte of what it announces has come.
    @Test func aLengthOverTheLimitFailsWithItsPrefix() throws {
        let fuzz = try Fuzz("frame")
        try fuzz.run(mutants: 5000) { bytes, _ in
            guard bytes.count >= WireConstants.prefixLength else { return }
            let prefix = Array(bytes.prefix(WireConstants.prefixLength))
            var lengths = ByteBuffer(bytes: prefix)
            let header = lengths.readInteger(as: UInt32.self) ?? 0
            let payload = lengths.readInteger(as: UInt32.self) ?? 0
            for limits in [FrameLimits(), .beforeHello] {
                let isOver = header > UInt32(limits.header) || payload > UInt32(limits.payload)
                let failure = Decoding(prefix, limits: limits).failure
                // An empty header is complete with its prefix, and says nothing.
                let expected: FerryError.Code? = isOver ? .limit : header == 0 ? .violation : nil
                try hold(failure == expected, "\(header) + \(payload): \(String(describing: failure))")
            }
        }
    }
}
