import FerryChunking
import Testing

struct GearTableTests {
    @Test func matchesTheGoldenVector() throws {
        #expect(GearTable.entries == (try Golden.lines("gear-table.txt")).compactMap { UInt64($0[0], radix: 16) })
        #expect(GearTable.entries.count == 256)
    }

    @Test func thePageNamesTheSameEntries() throws {
        let page = try Golden.page("chunking.md")
        for index in [0, 255] {
            let digits = String(GearTable.entries[index], radix: 16)
            #expect(page.contains("entry \(index) is `\(String(repeating: "0", count: 16 - digits.count))\(digits)`"))
        }
    }

    // What the label was chosen for: the hash inside a long run of the byte i is -entry(i).
    @Test func noRunOfOneByteIsCut() throws {
        let loosest = try GearChunker.Parameters(average: 16 << 10).looseBound
        for entry in GearTable.entries { #expect(0 &- entry >= loosest) }
    }
}
