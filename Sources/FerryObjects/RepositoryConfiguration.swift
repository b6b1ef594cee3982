import FerryChunking
package import FerryErrors

/// What a repository is, in its file `config`. Docs/format.md, "Configuration".
package struct RepositoryConfiguration: Equatable, Sendable {
    package static let maximumLength = 64 << 10
    private static let magic = Array("FerryRep".utf8)
    private static let version: UInt16 = 1
    /// Names of features without which nobody may read, and nobody may write.
    private static let known: Set<String> = []
    private static let nameLimit = 64

    /// Sixteen random bytes.
    package let id: [UInt8]
    /// Around how many bytes chunks gather: a power of two.
    package let averageChunk: UInt32
    /// Features that a reader must know.
    package let readFeatures: [String]
    /// Features that a writer must know.
    package let writeFeatures: [String]

    package init(id: [UInt8], averageChunk: UInt32, readFeatures: [String] = [], writeFeatures: [String] = []) {
        (self.id, self.averageChunk) = (id, averageChunk)
        (self.readFeatures, self.writeFeatures) = (readFeatures, writeFeatures)
    }

    package var encoded: [UInt8] {
        var writer = ByteWriter()
        writer.raw(Self.magic)
        writer.fixed(Self.version)
        writer.raw(self.id)
        writer.fixed(self.averageChunk)
        for features in [self.readFeatures, self.writeFeatures] {
            writer.varint(features.count)
            for feature in features { writer.counted(Array(feature.utf8)) }
        }
        writer.fixed(Checksum.crc32c(writer.bytes))
        return writer.bytes
    }

    /// - Throws: `.integrity` if it is damaged, `.newerState` if a later Ferry wrote it.
    package init(_ bytes: [UInt8]) throws(FerryError) {
        var reader = ByteReader(bytes.dropLast(4), "the repository's file config")
        guard try reader.raw(Self.magic.count) == Self.magic,
            Checksum.suffix(bytes) == Checksum.crc32c(Array(bytes.dropLast(4)))
        else { throw reader.damaged("its sum differs") }
        guard try reader.fixed(UInt16.self) == Self.version else { throw Self.newer }
        let id = try reader.raw(16)
        let average = try reader.fixed(UInt32.self)
        let (read, write) = (try Self.features(&reader), try Self.features(&reader))
        try reader.end()
        guard average.nonzeroBitCount == 1, (16 << 10)...(256 << 10) ~= average else {
            throw reader.damaged("its chunks have no legal length")
        }
        guard Self.known.isSuperset(of: read + write) else { throw Self.newer }
        self.init(id: id, averageChunk: average, readFeatures: read, writeFeatures: write)
    }

    private static var newer: FerryError {
        FerryError(.newerState, "the repository was written by a later version of Ferry", remedy: "upgrade Ferry")
    }

    private static func features(_ reader: inout ByteReader) throws(FerryError) -> [String] {
        var features: [String] = []
        for _ in 0..<(try reader.varint(upTo: 256)) {
            features.append(String(decoding: try reader.counted(upTo: Self.nameLimit), as: UTF8.self))
        }
        return features
    }
}
