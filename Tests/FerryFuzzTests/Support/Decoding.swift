import FerryErrors
import FerryTestKit
import FerryWire
import NIOCore

/// What a decoder makes of a stream.
struct Decoding {
    var frames: [Frame] = []
    /// Why it stopped, if it did.
    var failure: FerryError.Code?
    var isAtBoundary = false

    /// Gives a fresh decoder these pieces, up to the one that it fails at.
    init(_ pieces: some Sequence<ArraySlice<UInt8>>, limits: FrameLimits) {
        var decoder = FrameDecoder(limits: limits)
        do throws(FerryError) {
            for piece in pieces {
                var input = ByteBuffer(bytes: piece)
                while let frame = try decoder.next(&input) { self.frames.append(frame) }
            }
        } catch {
            self.failure = error.code
        }
        self.isAtBoundary = decoder.isAtBoundary
    }

    init(_ bytes: [UInt8], limits: FrameLimits = FrameLimits()) { self.init([bytes[...]], limits: limits) }

    func isSame(as other: Decoding) -> Bool {
        self.frames == other.frames && self.failure == other.failure && self.isAtBoundary == other.isAtBoundary
    }
}

extension Frame {
    /// The bytes of a frame whose header and payload are given, with lengths that are true.
    static func bytes(header: [UInt8], payload: [UInt8] = []) -> [UInt8] {
        var buffer = ByteBuffer()
        buffer.writeInteger(UInt32(header.count))
        buffer.writeInteger(UInt32(payload.count))
        buffer.writeBytes(header)
        buffer.writeBytes(payload)
        return Array(buffer.readableBytesView)
    }

    /// The frame that a header makes, if it is one.
    static func parsing(header: [UInt8], payload: [UInt8] = []) -> Frame? {
        Decoding(self.bytes(header: header, payload: payload)).frames.first
    }
}

/// Text from outside that is about to be shown.
enum Shown {
    /// Throws unless `text` holds nothing that a terminal or a log would obey.
    static func judge(_ text: String, _ what: String) throws {
        for scalar in text.unicodeScalars {
            switch scalar.value {
            case 0..<0x20, 0x7F..<0xA0, 0x061C, 0x200E, 0x200F, 0x2028...0x202E, 0x2066...0x2069:
                throw Broken(description: "\(what) holds U+\(String(scalar.value, radix: 16))")
            default: continue
            }
        }
    }
}
