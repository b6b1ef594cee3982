import FerryCommands
import Testing

@Suite struct ProgressTextTests {
    private let text = ProgressText(
        name: "disk.img",
        index: 2,
        count: 5,
        bytes: 1_200_000_000,
        total: 2_700_000_000,
        rate: 512e6,
        remaining: 2.9,
        ratio: 1.83
    )

    @Test func tellsEverythingWhereThereIsRoom() {
        #expect(
            self.text.line(columns: 120) == "[2/5] disk.img  44%  1.2 GB of 2.7 GB  512 MB/s  ETA 0:03  ratio 1.83"
        )
        var single = self.text
        single.count = 1
        single.total = nil
        single.remaining = nil
        #expect(single.line(columns: 120) == "disk.img  1.2 GB  512 MB/s  ratio 1.83")
    }

    @Test func tellsWhatWasSaved() {
        var text = self.text
        text.saved = 700_000_000
        let line = "[2/5] disk.img  44%  1.2 GB of 2.7 GB  512 MB/s  ETA 0:03  saved 700 MB"
        #expect(text.line(columns: 120) == line + "  ratio 1.83")
        #expect(text.line(columns: line.utf8.count + 1) == line)
    }

    @Test func leavesOutWhatDoesNotFit() {
        #expect(self.text.line(columns: 70).hasSuffix("ratio 1.83"))
        #expect(self.text.line(columns: 69) == "[2/5] disk.img  44%  1.2 GB of 2.7 GB  512 MB/s  ETA 0:03")
        #expect(self.text.line(columns: 50) == "[2/5] disk.img  44%  1.2 GB of 2.7 GB  512 MB/s")
        #expect(self.text.line(columns: 40) == "[2/5] disk.img  44%  1.2 GB of 2.7 GB")
    }

    @Test func neverReachesTheLastColumn() {
        var text = self.text
        text.name = "a-very-long-name-of-a-file-with-\u{65E5}\u{672C}\u{8A9E}-in-it.tar.gz"
        for columns in 0...130 {
            let line = text.line(columns: columns)
            let width = line.unicodeScalars.reduce(0) { $0 + ($1.isASCII ? 1 : 2) }
            #expect(width <= max(0, columns - 1), "\(columns): \(line)")
        }
        #expect(text.line(columns: 90).contains("\u{2026}"))
        #expect(text.line(columns: 90).contains(".gz"))
    }

    @Test func hundredPercentIsTrue() {
        var text = self.text
        text.bytes = 2_699_999_999
        #expect(text.line(columns: 120).contains("  99%  "))
        text.bytes = 2_700_000_000
        #expect(text.line(columns: 120).contains("  100%  "))
        text.bytes = 0
        text.total = 0
        #expect(text.line(columns: 120).contains("  100%  "))
    }
}
