import Crypto
import FerryChunking
import FerryTestKit
import Testing

struct ChunkIDTests {
    private let bytes = (0..<32).map { UInt8($0) }

    // FIPS 180-4 examples.
    @Test(arguments: [
        ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        (
            "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
        ),
    ])
    func isTheSHA256(text: String, hex: String) {
        let id = Array(text.utf8).withUnsafeBytes { ChunkID(hashing: $0) }
        #expect(id.description == hex)
    }

    @Test func roundTripsThroughItsBytes() throws {
        let id = try #require(ChunkID(bytes: self.bytes))
        var appended: [UInt8] = [7]
        id.append(to: &appended)
        #expect(appended == [7] + self.bytes)
        #expect(id.withUnsafeBytes { Array($0) } == self.bytes)
        #expect(id.description == "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f")
    }

    @Test(arguments: [0, 1, 31, 33, 64]) func refusesAnyOtherLength(count: Int) {
        #expect(ChunkID(bytes: [UInt8](repeating: 1, count: count)) == nil)
    }

    @Test func takesACollectionThatIsNotContiguous() {
        #expect(ChunkID(bytes: self.bytes.reversed().lazy.reversed()) == ChunkID(bytes: self.bytes))
    }

    @Test func isReadFromAPackedListAtAnyOffset() {
        let list = [9] + self.bytes + self.bytes.reversed()
        list.withUnsafeBytes { list in
            #expect(ChunkID(packed: list, at: 1) == ChunkID(bytes: self.bytes))
            #expect(ChunkID(packed: list, at: 33) == ChunkID(bytes: self.bytes.reversed()))
            for offset in [-1, 34, 65, Int.max, Int.min] { #expect(ChunkID(packed: list, at: offset) == nil) }
        }
    }

    @Test(arguments: 0..<32) func differsIfOneByteDoes(index: Int) {
        var other = self.bytes
        other[index] ^= 0x80
        #expect(ChunkID(bytes: other) != ChunkID(bytes: self.bytes))
    }

    @Test func servesAsAKey() throws {
        var ids: Set<ChunkID> = []
        for value in UInt8.min...UInt8.max { ids.insert([value].withUnsafeBytes { ChunkID(hashing: $0) }) }
        // Like first words, other ids: the set must still tell them apart.
        for last in UInt8.min...UInt8.max { ids.insert(try #require(ChunkID(bytes: self.bytes.dropLast() + [last]))) }
        #expect(ids.count == 512)
    }

    // Hashing several at once must be hashing each: at every length around a block's end, and however they pair up.
    @Test func aBatchHashesEachChunk() {
        withFreshSeed { generator in
            let bytes = Samples.random(300_000, &generator)
            var batches = [
                [], [0], [1], Array(0...200), Array((0...200).reversed()), [300_000, 0, 63, 64, 65, 100_000],
            ]
            for _ in 0..<30 {
                batches.append(
                    (0..<Int.random(in: 1...9, using: &generator)).map { _ in
                        Int.random(in: 0...5000, using: &generator)
                    }
                )
            }
            bytes.withUnsafeBytes { bytes in
                for lengths in batches {
                    let chunks = lengths.map { length in
                        let start = Int.random(in: 0...bytes.count - length, using: &generator)
                        return UnsafeRawBufferPointer(rebasing: bytes[start..<start + length])
                    }
                    #expect(ChunkID.hashing(chunks) == chunks.map { ChunkID(hashing: $0) })
                }
                let empty = UnsafeRawBufferPointer(start: nil, count: 0)
                #expect(ChunkID.hashing([empty, empty]) == [ChunkID(hashing: empty), ChunkID(hashing: empty)])
            }
        }
    }

    private static let zeroLengths: [Int] = [
        1, 2, 4095, 4096, 4097, 8192, 12_288, 1_044_480, 1_048_575, 1_048_576, 1_052_672,
    ]

    /// What runs of zeros are cut into, and what they are not.
    @Test(arguments: zeroLengths) func zerosHaveKnownIds(_ length: Int) {
        let id = [UInt8](repeating: 0, count: length).withUnsafeBytes { ChunkID(hashing: $0) }
        let isKnown = length <= 1 << 20 && (length < 4096 || length % 4096 == 0)
        #expect(ChunkID.ofZeros(length) == (isKnown ? id : nil))
        #expect(id.isOfZeros(length: length) == isKnown && !id.isOfZeros(length: length - 1))
        #expect(ChunkID.ofZeros(ChunkID.zeros(atMost: Int64(length))) != nil)
    }

    @Test func aLongRunOfZerosIsCutIntoTheLongestChunks() {
        for length: Int64 in [.max, 1 << 40, 1_048_577] { #expect(ChunkID.zeros(atMost: length) == 1 << 20) }
        for length in [0, -1, Int.max, Int.min] { #expect(ChunkID.ofZeros(length) == nil) }
    }
}
