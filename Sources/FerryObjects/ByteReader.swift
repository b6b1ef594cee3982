package import FerryChunking
package import FerryErrors

/// Reads an encoding from outside: never beyond its end, and nothing that could be written in another way.
package struct ByteReader {
    private var rest: ArraySlice<UInt8>
    private let subject: String

    /// - Parameters:
    ///   - bytes: the encoding.
    ///   - subject: what it is, for errors.
    package init(_ bytes: some Sequence<UInt8>, _ subject: String) {
        self.init(ArraySlice(bytes), subject)
    }

    /// - Parameters:
    ///   - bytes: the encoding, which is not copied.
    ///   - subject: what it is, for errors.
    package init(_ bytes: ArraySlice<UInt8>, _ subject: String) {
        self.rest = bytes
        self.subject = subject
    }

    package var isAtEnd: Bool { self.rest.isEmpty }
    package var count: Int { self.rest.count }

    /// The encoding is not what it should be.
    package func damaged(_ why: String) -> FerryError {
        FerryError(.integrity, "\(self.subject) is damaged: \(why)")
    }

    /// - Throws: `.integrity` if there are fewer bytes.
    package mutating func raw(_ count: Int) throws(FerryError) -> [UInt8] {
        guard count >= 0, count <= self.rest.count else { throw self.damaged("it ends early") }
        defer { self.rest = self.rest.dropFirst(count) }
        return Array(self.rest.prefix(count))
    }

    /// - Throws: `.integrity` if it ends early.
    package mutating func fixed<Number: FixedWidthInteger>(_ type: Number.Type) throws(FerryError) -> Number {
        let count = Number.bitWidth / 8
        guard count <= self.rest.count else { throw self.damaged("it ends early") }
        var number: Number = 0
        for byte in self.rest.prefix(count) { number = number << 8 | Number(truncatingIfNeeded: byte) }
        self.rest = self.rest.dropFirst(count)
        return number
    }

    /// - Throws: `.integrity` if it ends early, does not fit or is not in its shortest form.
    package mutating func varint() throws(FerryError) -> UInt64 {
        var (value, shift) = (UInt64(0), UInt64(0))
        while let byte = self.rest.popFirst() {
            let part = UInt64(byte & 0x7F)
            guard shift < 63 || shift == 63 && part <= 1, byte != 0 || shift == 0 else {
                throw self.damaged("a number is malformed")
            }
            value |= part << shift
            if byte < 0x80 { return value }
            shift += 7
        }
        throw self.damaged("it ends early")
    }

    /// - Parameter limit: the largest that is legal.
    /// - Returns: the number.
    /// - Throws: `.integrity` beyond it, and as ``varint()``.
    package mutating func varint(upTo limit: Int) throws(FerryError) -> Int {
        let value = try self.varint()
        guard let number = Int(exactly: value), number <= limit else {
            throw self.damaged("the number \(value) is above \(limit)")
        }
        return number
    }

    /// - Throws: as ``varint()``.
    package mutating func signed() throws(FerryError) -> Int64 {
        let value = try self.varint()
        return Int64(bitPattern: value >> 1) ^ -Int64(bitPattern: value & 1)
    }

    /// - Parameter limit: bytes that it may have.
    /// - Returns: the bytes.
    /// - Throws: `.integrity` beyond it, and if it ends early.
    package mutating func counted(upTo limit: Int) throws(FerryError) -> [UInt8] {
        let count = try self.varint(upTo: limit)
        return try self.raw(count)
    }

    /// - Throws: `.integrity` if it ends early.
    package mutating func id() throws(FerryError) -> ChunkID {
        guard let id = ChunkID(bytes: self.rest.prefix(ChunkID.length)) else { throw self.damaged("it ends early") }
        self.rest = self.rest.dropFirst(ChunkID.length)
        return id
    }

    /// - Throws: `.integrity` if something is left.
    package func end() throws(FerryError) {
        guard self.rest.isEmpty else { throw self.damaged("\(self.rest.count) bytes follow its end") }
    }
}
