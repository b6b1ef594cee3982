package import FerryErrors
package import NIOCore
import SwiftProtobuf

/// One message with its payload, as it travels:
/// `headerLength:u32 payloadLength:u32 header payload`, big endian.
package struct Frame: Sendable, Equatable {
    /// What the message says.
    package var body: WireHeader.OneOf_Body
    /// One block, or empty.
    package var payload: ByteBuffer
    /// Bytes that the header took on the wire; 0 for a frame of this side's making.
    private let headerLength: Int

    /// - Parameters:
    ///   - body: what the message says.
    ///   - payload: one block, or empty.
    ///   - headerLength: bytes that the header took on the wire, for a frame that was received.
    package init(_ body: WireHeader.OneOf_Body, payload: ByteBuffer = ByteBuffer(), headerLength: Int = 0) {
        self.body = body
        self.payload = payload
        self.headerLength = headerLength
    }

    /// What a queue of received frames counts for this one, in bytes: the payload, and for the header four times its
    /// length, because lists of small numbers take more room in memory than on the wire, and 128 for each entry of a
    /// listing, which may take two there.
    package var weight: Int {
        let entries = if case .entries(let entries) = self.body { entries.entries.count } else { 0 }
        return 1024 + 4 * self.headerLength + 128 * entries + self.payload.readableBytes
    }

    package static func == (left: Frame, right: Frame) -> Bool {
        left.body == right.body && left.payload == right.payload
    }

    /// The frame's first part: prefix and header. The payload follows as it is, without being copied.
    ///
    /// - Parameter allocator: makes the buffer.
    /// - Returns: the bytes that precede the payload.
    /// - Throws: `.limit` if the header is larger than any peer accepts, which is a bug of this side.
    package func encodedHead(allocator: ByteBufferAllocator) throws(FerryError) -> ByteBuffer {
        let header = WireHeader.with { $0.body = self.body }
        let bytes: [UInt8]
        do {
            bytes = try header.serializedBytes()
        } catch {
            throw FerryError(.internalError, "a header could not be encoded", cause: error)
        }
        guard bytes.count <= WireConstants.headerLimit, self.payload.readableBytes <= WireConstants.payloadLimit else {
            throw FerryError(
                .limit,
                "a frame of \(bytes.count) + \(self.payload.readableBytes) bytes is too large to send"
            )
        }
        var buffer = allocator.buffer(capacity: WireConstants.prefixLength + bytes.count)
        buffer.writeInteger(UInt32(bytes.count))
        buffer.writeInteger(UInt32(self.payload.readableBytes))
        buffer.writeBytes(bytes)
        return buffer
    }

    /// The whole frame in one buffer, for tests and small messages.
    package func encoded() throws(FerryError) -> ByteBuffer {
        var buffer = try self.encodedHead(allocator: ByteBufferAllocator())
        buffer.writeImmutableBuffer(self.payload)
        return buffer
    }
}
