import FerryChunking
import FerryErrors

/// How a segment is written in a node: 0 and a length for a hole; a cited chunk's position and 1, and its length.
enum SegmentCoding {
    static func write(_ segment: Segment, _ writer: inout ByteWriter, _ refs: inout RefTable) {
        switch segment {
        case .hole(let length):
            writer.varint(0)
            writer.varint(length)
        case .chunk(let id, let length):
            writer.varint(refs.cite(ObjectKey(.data, id)) + 1)
            writer.varint(length)
        }
    }

    static func read(_ reader: inout ByteReader, _ refs: [ObjectKey]) throws(FerryError) -> Segment {
        let place = try reader.varint(upTo: refs.count)
        guard place > 0 else {
            let length = try reader.varint()
            guard length > 0, length <= Int64.max else { throw reader.damaged("a hole has no legal length") }
            return .hole(length)
        }
        let length = try reader.varint(upTo: ChunkLimits.maximumLength)
        guard length > 0 else { throw reader.damaged("a chunk is empty") }
        return .chunk(try reader.cited(place - 1, .data, refs), length: length)
    }
}

extension ByteReader {
    /// What a content cites.
    func cited(_ place: Int, _ kind: ObjectKind, _ refs: [ObjectKey]) throws(FerryError) -> ChunkID {
        guard place < refs.count, refs[place].kind == kind else {
            throw self.damaged("it cites what it does not point to")
        }
        return refs[place].id
    }
}
