package import FerryErrors

/// What the client states about its snapshot: labels, which nothing is decided by.
package struct SnapshotNote: Equatable, Sendable {
    /// What a field is, in the encoding; its value is bytes, and one may come several times.
    private enum Field: UInt64 {
        case host = 1
        case path = 2
        case tag = 3
        case began = 4
        case files = 5
        case bytes = 6
        case failed = 7
        case agent = 8
    }

    /// Bytes of one field.
    private static let fieldLimit = 64 << 10

    package var host: [UInt8] = []
    /// Absolute ones that were backed up, or the name that standard input got.
    package var paths: [[UInt8]] = []
    package var tags: [String] = []
    /// When the backup began, in seconds since 1970-01-01 UTC by the client's clock.
    package var began: Int64 = 0
    package var files: UInt64 = 0
    /// Of all files together.
    package var bytes: UInt64 = 0
    /// Things that could not be read.
    package var failed: UInt64 = 0
    /// Program and version.
    package var agent = ""

    package init() {}

    package var encoded: [UInt8] {
        var writer = ByteWriter()
        func put(_ field: Field, _ value: some Collection<UInt8>) {
            writer.varint(field.rawValue)
            writer.counted(value)
        }
        func number(_ value: UInt64) -> [UInt8] {
            var writer = ByteWriter()
            writer.varint(value)
            return writer.bytes
        }
        put(.host, self.host)
        for path in self.paths { put(.path, path) }
        for tag in self.tags { put(.tag, Array(tag.utf8)) }
        put(.began, number(UInt64(bitPattern: self.began)))
        put(.files, number(self.files))
        put(.bytes, number(self.bytes))
        put(.failed, number(self.failed))
        put(.agent, Array(self.agent.utf8))
        return writer.bytes
    }

    /// Reads what ``encoded`` wrote; fields that are not known are passed over.
    ///
    /// - Throws: `.integrity` if it is malformed.
    package init(_ bytes: [UInt8]) throws(FerryError) {
        var reader = ByteReader(bytes, "a snapshot's note")
        while !reader.isAtEnd {
            let field = Field(rawValue: try reader.varint())
            let value = try reader.counted(upTo: Self.fieldLimit)
            switch field {
            case .host: self.host = value
            case .path: self.paths.append(value)
            case .tag: self.tags.append(String(decoding: value, as: UTF8.self))
            case .began: self.began = Int64(bitPattern: try Self.number(value))
            case .files: self.files = try Self.number(value)
            case .bytes: self.bytes = try Self.number(value)
            case .failed: self.failed = try Self.number(value)
            case .agent: self.agent = String(decoding: value, as: UTF8.self)
            case nil: continue
            }
        }
    }

    private static func number(_ bytes: [UInt8]) throws(FerryError) -> UInt64 {
        var reader = ByteReader(bytes, "a snapshot's note")
        let number = try reader.varint()
        try reader.end()
        return number
    }
}
