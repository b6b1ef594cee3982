import FerryErrors
import FerryFiles
import Testing

@Suite struct IgnoreFileTests {
    private func patterns(_ text: String) throws -> Int {
        try IgnoreFile(Array(text.utf8), named: "rules").patterns.count
    }

    @Test func readsLinesAsGitDoes() throws {
        #expect(try self.patterns("") == 0)
        #expect(try self.patterns("a") == 1)
        #expect(try self.patterns("a\nb\n") == 2)
        #expect(try self.patterns("\n# c\n  \na\n\n") == 1)
        #expect(try FilterWalk("a\r\nb\r\n").excludes("a"))
        #expect(try FilterWalk("a\r\nb\r\n").excludes("b"))
        #expect(try FilterWalk("a \r\n").excludes("a"))
        #expect(try FilterWalk("b\r").excludes("b"))
        #expect(try FilterWalk("a\r\r\n").excludes("a\r"))
        #expect(try !FilterWalk("a\r\r\n").excludes("a"))
        #expect(try FilterWalk("a\rb").excludes("a\rb"))
        #expect(try self.patterns("\r\n\r\n") == 0)
    }

    @Test func passesOverOneByteOrderMark() throws {
        #expect(try FilterWalk("\u{FEFF}a\nb").excludes("a"))
        #expect(try FilterWalk("\u{FEFF}#a").excludes("\u{FEFF}#a") == false)
        #expect(try FilterWalk("\u{FEFF}\u{FEFF}a").excludes("\u{FEFF}a"))
        #expect(try FilterWalk("a\n\u{FEFF}b").excludes("\u{FEFF}b"))
    }

    @Test func limitsLines() throws {
        let longest = String(repeating: "a", count: IgnorePattern.maximumLength)
        #expect(try self.patterns("b\n\(longest)\r\nb\n") == 3)
        #expect(
            refusal { _ = try self.patterns("b\n\(longest)a\nb\n") }
                == "configuration: rules:2: the line is longer than 4096 bytes"
        )
        // Comments are lines too.
        #expect(refusal { _ = try self.patterns("#\(longest)") } != nil)
        #expect(refusal { _ = try self.patterns("a\nb\0") } == "configuration: rules:2: the line contains a NUL byte")
    }

    @Test func limitsPatterns() throws {
        let most = String(repeating: "a\n", count: IgnoreFile.maximumPatterns)
        #expect(try self.patterns("#\n\n" + most + "#\n") == IgnoreFile.maximumPatterns)
        #expect(
            refusal { _ = try self.patterns("#\n" + most + "a\n") }
                == "configuration: rules:65538: there are more than 65536 patterns"
        )
    }

    @Test func limitsTheFile() throws {
        let line = String(repeating: "#", count: 1023) + "\n"
        let largest = String(repeating: line, count: 1024)
        #expect(largest.utf8.count == IgnoreFile.maximumSize)
        #expect(try self.patterns(largest) == 0)
        #expect(
            refusal { _ = try self.patterns(largest + "\n") }
                == "configuration: rules: patterns take more than 1048576 bytes"
        )
    }
}
