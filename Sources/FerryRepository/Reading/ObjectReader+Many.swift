import FerryCatalog
package import FerryChunking
package import FerryErrors
import FerryObjects

extension ObjectReader {
    /// Reads many chunks of data: one look at the index for a thousand of them, each block once, in the order of the packs.
    ///
    /// - Parameters:
    ///   - chunks: each with its length in bytes.
    ///   - output: as long as all of them together, which gets their bytes one behind another.
    /// - Returns: of each why it could not be read; nil if its bytes hash to its id.
    package func read(
        _ chunks: [(id: ChunkID, length: Int)],
        into output: UnsafeMutableRawBufferPointer
    ) -> [FerryError?] {
        var offset = 0
        let places = chunks.map { chunk in
            defer { offset += chunk.length }
            return offset..<(offset + chunk.length)
        }
        let locations: [ObjectLocation?]
        do throws(FerryError) { locations = try self.locate(chunks.map { ObjectKey(.data, $0.id) }) } catch {
            return chunks.map { _ in error }
        }
        let order = chunks.indices.sorted { first, second in
            guard let one = locations[first], let other = locations[second] else { return locations[second] != nil }
            return (one.pack, one.place.block) < (other.pack, other.place.block)
        }
        var isCopied = chunks.map { _ in false }
        for number in order {
            guard let location = locations[number] else { continue }
            isCopied[number] = unsafe self.copy(
                location,
                to: UnsafeMutableRawBufferPointer(rebasing: output[places[number]])
            )
        }
        let bytes = unsafe places.map { unsafe UnsafeRawBufferPointer(rebasing: output[$0]) }
        let ids = unsafe ChunkID.hashing(bytes)
        return chunks.indices.map { number in
            let id = chunks[number].id
            if isCopied[number], ids[number] == id { return nil }
            // What is no good there may be good elsewhere.
            let place = unsafe UnsafeMutableRawBufferPointer(rebasing: output[places[number]])
            return unsafe self.readAlone(id, to: place)
        }
    }

    /// - Returns: whether as many bytes lie there.
    private func copy(_ location: ObjectLocation, to place: UnsafeMutableRawBufferPointer) -> Bool {
        guard Int(location.place.length) == place.count, let raw = try? self.raw(location),
            Int(location.place.offset) + place.count <= raw.count
        else { return false }
        unsafe place.copyBytes(from: raw[Int(location.place.offset)...].prefix(place.count))
        return true
    }

    private func readAlone(_ id: ChunkID, to place: UnsafeMutableRawBufferPointer) -> FerryError? {
        do throws(FerryError) {
            let bytes = try self.read(ObjectKey(.data, id))
            guard bytes.count == place.count else {
                throw FerryError(
                    .integrity,
                    "a chunk has \(bytes.count) bytes, and \(place.count) in the file's recipe"
                )
            }
            unsafe place.copyBytes(from: bytes)
            return nil
        } catch {
            return error
        }
    }
}
