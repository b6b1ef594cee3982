import FerryErrors
import FoundationEssentials
import NIOCore

/// The framing on the admin socket: a length in 4 bytes, big endian, then that much JSON. One request a connection.
enum AdminMessage {
    /// Bytes of a request.
    static let requestLimit = 1 << 20
    /// Bytes of a response: room for lists of some ten thousand users.
    static let responseLimit = 16 << 20

    /// Encodes a message with its length.
    ///
    /// - Throws: `.limit` if it is longer than `limit` bytes.
    static func encode(_ message: some Encodable, limit: Int) throws(FerryError) -> ByteBuffer {
        let data: Data
        do { data = try JSONEncoder().encode(message) } catch {
            throw FerryError(.internalError, "cannot encode an admin message", cause: error)
        }
        guard data.count <= limit, let length = UInt32(exactly: data.count) else {
            throw FerryError(.limit, "the admin message has \(data.count) bytes, more than \(limit)")
        }
        var buffer = ByteBuffer()
        buffer.writeInteger(length)
        buffer.writeBytes(data)
        return buffer
    }

    /// Decodes the JSON of a message.
    ///
    /// - Throws: The error of a part that checks itself, else `.unsupported`: another release may know other messages.
    static func decode<Message: Decodable>(_ type: Message.Type, _ buffer: ByteBuffer) throws(FerryError) -> Message {
        do { return try JSONDecoder().decode(type, from: Data(buffer.readableBytesView)) } catch {
            if let error = error as? FerryError { throw error }
            throw FerryError(
                .unsupported,
                "the admin message is not known here",
                remedy: "command and daemon may be of different releases: restart the daemon",
                cause: error
            )
        }
    }
}

/// Cuts what arrives into messages, holding at most one of the longest allowed.
struct AdminMessageDecoder: ByteToMessageDecoder {
    typealias InboundOut = ByteBuffer

    /// Bytes of a message.
    let limit: Int

    mutating func decode(context: ChannelHandlerContext, buffer: inout ByteBuffer) throws -> DecodingState {
        guard let length = buffer.getInteger(at: buffer.readerIndex, as: UInt32.self) else { return .needMoreData }
        guard length <= self.limit else {
            throw FerryError(.limit, "the admin message has \(length) bytes, more than \(self.limit)")
        }
        guard buffer.readableBytes >= 4 + Int(length) else { return .needMoreData }
        buffer.moveReaderIndex(forwardBy: 4)
        guard let message = buffer.readSlice(length: Int(length)) else { return .needMoreData }
        context.fireChannelRead(self.wrapInboundOut(message))
        return .continue
    }

    mutating func decodeLast(
        context: ChannelHandlerContext,
        buffer: inout ByteBuffer,
        seenEOF: Bool
    ) throws -> DecodingState {
        // What a closed connection left unfinished is dropped: nobody waits for an answer.
        guard try self.decode(context: context, buffer: &buffer) == .needMoreData else { return .continue }
        buffer.moveReaderIndex(to: buffer.writerIndex)
        return .needMoreData
    }
}
