import FerryChunking
import Testing

struct DigestsTests {
    // The digests of Docs/chunking.md.
    @Test func matchTheGoldenVectors() throws {
        for line in try Golden.lines("digests.txt") {
            let input = try #require(Golden.input(line[0]))
            var recipe = RecipeDigest()
            var stream = StreamDigest()
            let average = try #require(Int(line[1]))
            try input.withUnsafeBytes { bytes in
                var position = 0
                for length in try Chunking.lengths(of: bytes, average: average) {
                    let chunk = UnsafeRawBufferPointer(rebasing: bytes[position..<position + length])
                    recipe.update(id: ChunkID(hashing: chunk), length: UInt32(length))
                    stream.update(chunk)
                    position += length
                }
            }
            #expect(recipe.finalize().description == line[2], "\(line[0]) at \(line[1])")
            #expect(stream.finalize() == line[3], "\(line[0])")
        }
    }

    @Test func theRecipeDigestCoversOrderAndLength() {
        let ids = (0..<2).map { value in [UInt8(value)].withUnsafeBytes { ChunkID(hashing: $0) } }
        func digest(_ pairs: [(Int, UInt32)]) -> ChunkID {
            var digest = RecipeDigest()
            for (index, length) in pairs { digest.update(id: ids[index], length: length) }
            return digest.finalize()
        }
        let digests = [
            digest([]), digest([(0, 1)]), digest([(0, 2)]), digest([(0, 256)]), digest([(0, 1), (1, 1)]),
            digest([(1, 1), (0, 1)]), digest([(0, 1), (1, UInt32.max)]),
        ]
        #expect(Set(digests).count == digests.count)
    }

    @Test func aDigestCanBeTakenOnTheWay() {
        var digest = StreamDigest()
        Array("ab".utf8).withUnsafeBytes { digest.update($0) }
        _ = digest.finalize()
        Array("c".utf8).withUnsafeBytes { digest.update($0) }
        #expect(digest.finalize() == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
    }
}
