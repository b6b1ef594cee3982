package import FerryErrors
package import NIOCore
import SwiftProtobuf

/// Cuts a byte stream into frames, whatever pieces it arrives in.
///
/// Holds at most one header and one payload, each below its limit; a length above it fails before anything is
/// allocated. After an error the decoder stays failed.
package struct FrameDecoder: Sendable {
    private enum State {
        case prefix
        case header(length: Int, payload: Int)
        case payload(Frame, length: Int)
        case failed(FerryError)
    }

    /// What the next frame may measure; raised once the hello is accepted.
    package var limits: FrameLimits
    private var state = State.prefix
    /// Bytes of a prefix or header that came in pieces.
    private var partial = ByteBuffer()
    /// The payload being received, allocated to its announced length so that it is copied once.
    private var payload = ByteBuffer()

    package init(limits: FrameLimits) {
        self.limits = limits
    }

    /// True between frames: a stream that ends here was not cut.
    package var isAtBoundary: Bool {
        if case .prefix = self.state { self.partial.readableBytes == 0 } else { false }
    }

    /// Takes what it can use from `input` and returns the next complete frame.
    ///
    /// - Parameter input: received bytes; consumed from the front.
    /// - Returns: a frame, or nil once `input` is empty and more is needed.
    /// - Throws: `.limit` for a length over the limit, `.violation` for a header that does not parse or says nothing.
    package mutating func next(_ input: inout ByteBuffer) throws(FerryError) -> Frame? {
        do {
            return try self.step(&input)
        } catch {
            self.state = .failed(error)
            throw error
        }
    }

    private mutating func step(_ input: inout ByteBuffer) throws(FerryError) -> Frame? {
        while true {
            switch self.state {
            case .failed(let error):
                throw error
            case .prefix:
                guard var bytes = self.gather(WireConstants.prefixLength, from: &input) else { return nil }
                let header = Int(bytes.readInteger(as: UInt32.self) ?? 0)
                let payload = Int(bytes.readInteger(as: UInt32.self) ?? 0)
                guard header <= self.limits.header else {
                    throw FerryError(.limit, "a header of \(header) bytes exceeds the limit of \(self.limits.header)")
                }
                guard payload <= self.limits.payload else {
                    throw FerryError(
                        .limit,
                        "a payload of \(payload) bytes exceeds the limit of \(self.limits.payload)"
                    )
                }
                self.state = .header(length: header, payload: payload)
            case .header(let length, let payload):
                guard let bytes = self.gather(length, from: &input) else { return nil }
                let frame = Frame(try Self.parse(bytes), headerLength: length)
                if payload == 0 {
                    self.state = .prefix
                    return frame
                }
                self.state = .payload(frame, length: payload)
            case .payload(var frame, let length):
                if self.payload.readableBytes == 0 { self.payload = Self.alignedBuffer(length) }
                let missing = length - self.payload.readableBytes
                if var piece = input.readSlice(length: min(missing, input.readableBytes)) {
                    self.payload.writeBuffer(&piece)
                }
                guard self.payload.readableBytes == length else { return nil }
                frame.payload = self.payload
                self.payload = ByteBuffer()
                self.state = .prefix
                return frame
            }
        }
    }

    /// Room for `length` bytes that start with a page of memory, so that they can be written past the page cache as
    /// they lie.
    private static func alignedBuffer(_ length: Int) -> ByteBuffer {
        let page = WireConstants.payloadAlignment
        var buffer = ByteBufferAllocator().buffer(capacity: length + page)
        let start = unsafe buffer.withUnsafeMutableWritableBytes { Int(bitPattern: $0.baseAddress) }
        let padding = (page - start % page) % page
        buffer.moveWriterIndex(forwardBy: padding)
        buffer.moveReaderIndex(forwardBy: padding)
        return buffer
    }

    /// Returns `length` bytes, collected over several inputs where needed.
    private mutating func gather(_ length: Int, from input: inout ByteBuffer) -> ByteBuffer? {
        if self.partial.readableBytes == 0, let whole = input.readSlice(length: length) { return whole }
        let missing = length - self.partial.readableBytes
        if var piece = input.readSlice(length: min(missing, input.readableBytes)) {
            self.partial.writeBuffer(&piece)
        }
        guard self.partial.readableBytes == length else { return nil }
        let whole = self.partial
        self.partial = ByteBuffer()
        return whole
    }

    private static func parse(_ bytes: ByteBuffer) throws(FerryError) -> WireHeader.OneOf_Body {
        // What this version does not know is not kept: it would be memory that no limit counts.
        var options = BinaryDecodingOptions()
        options.discardUnknownFields = true
        let header: WireHeader
        do {
            header = try WireHeader(serializedBytes: Array(bytes.readableBytesView), options: options)
        } catch {
            throw FerryError(.violation, "a header could not be read", cause: error)
        }
        guard let body = header.body else {
            throw FerryError(.violation, "a header names no message that this version knows")
        }
        return body
    }
}
