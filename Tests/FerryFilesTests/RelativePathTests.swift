import FerryErrors
import FerryFiles
import Testing

@Suite struct RelativePathTests {
    @Test(arguments: [
        "", "/", "/x", "//", "x//y", "x//", ".", "..", "./x", "../x", "x/..", "x/../y", "x/./y", "a\0b", "\0",
        ".ferry-part.", ".ferry-part.00/x", "x/.ferry-part.ab",
    ])
    func refusesBadPaths(_ text: String) {
        #expect(failure { _ = try RelativePath(text) }?.code == .invalidPath)
    }

    @Test(arguments: [
        "x", "x/y", "...", "..x", "x..", ".x", "a b", ".ferry-part", "x.ferry-part.", "\u{1B}[2J\n", "ä/ö",
    ])
    func takesGoodPaths(_ text: String) throws {
        #expect(try RelativePath(text).bytes == Array(text.utf8))
    }

    @Test func takesBytesThatAreNotText() throws {
        let bytes: [UInt8] = [0xFF, 0xFE, 0x2F, 0x01, 0x7F]
        let path = try RelativePath(bytes)
        #expect(path.bytes == bytes)
        #expect(path.description == "\\xFF\\xFE/\\x01\\x7F")
    }

    @Test func limitsComponents() throws {
        let longest = String(repeating: "n", count: 255)
        #expect(try RelativePath("a/\(longest)/b").components.count == 3)
        #expect(failure { _ = try RelativePath("a/\(longest)n/b") }?.code == .invalidPath)
    }

    @Test func limitsTheWhole() throws {
        // 2,047 times "a/" and an "a": 4,095 bytes.
        let longest = String(repeating: "a/", count: 2047) + "a"
        #expect(try RelativePath(longest).bytes.count == RelativePath.maximumLength)
        #expect(try RelativePath(longest + "/").bytes.count == RelativePath.maximumLength)
        #expect(failure { _ = try RelativePath("b" + longest) }?.code == .invalidPath)
        #expect(failure { _ = try RelativePath("b" + longest + "/") }?.code == .invalidPath)
        #expect(
            failure { _ = try RelativePath(repeatElement(UInt8(ascii: "a"), count: 1 << 20)) }?.code == .invalidPath
        )
    }

    @Test func dropsOneSlashAtTheEnd() throws {
        #expect(try RelativePath("x/y/") == RelativePath("x/y"))
        #expect(failure { _ = try RelativePath("x/y//") }?.code == .invalidPath)
    }

    @Test func theRootOnlyWhereAllowed() throws {
        let root = try RelativePath("", allowRoot: true)
        #expect(root == .root)
        #expect(root.isRoot)
        #expect(root.components.isEmpty)
        #expect(root.lastComponent == nil)
        #expect(root.parent == nil)
        #expect(root.description == ".")
        #expect(failure { _ = try RelativePath("/", allowRoot: true) }?.code == .invalidPath)
    }

    @Test func takesApartAndPutsTogether() throws {
        let path = try RelativePath("x/y/z")
        #expect(path.components == [Array("x".utf8), Array("y".utf8), Array("z".utf8)])
        #expect(path.lastComponent == Array("z".utf8))
        #expect(try path.parent == RelativePath("x/y"))
        #expect(try RelativePath("x").parent == .root)
        #expect(try RelativePath.root.appending("x".utf8) == RelativePath("x"))
        #expect(try RelativePath("x/y").appending("z".utf8) == path)
    }

    @Test(arguments: ["", "..", "a/b", "a/", ".ferry-part.1", "a\0"])
    func appendsOnlyOneGoodComponent(_ text: String) throws {
        let path = try RelativePath("x")
        #expect(failure { _ = try path.appending(text.utf8) }?.code == .invalidPath)
    }

    @Test func namesNoControlCharacterInItsMessages() throws {
        let error = try #require(failure { _ = try RelativePath("\u{1B}[31m/../\n") })
        #expect(!error.description.unicodeScalars.contains { $0.value < 0x20 })
    }

    /// What is accepted never leads out and is its own normal form, whatever the bytes.
    @Test func propertyAcceptedPathsAreNormal() throws {
        let seed = UInt64.random(in: 0 ... .max)
        var generator = SplitMix(state: seed)
        let alphabet: [UInt8] = Array("./a\0\u{7F}".utf8) + [0xFF]
        var accepted = 0
        for _ in 0..<20_000 {
            let bytes = (0..<Int.random(in: 0...8, using: &generator)).map { _ in
                alphabet[Int.random(in: 0..<alphabet.count, using: &generator)]
            }
            guard let path = try? RelativePath(bytes) else { continue }
            accepted += 1
            let parts = path.bytes.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
            #expect(
                parts.allSatisfy { !$0.isEmpty && $0 != Array(".".utf8)[...] && $0 != Array("..".utf8)[...] }
                    && !path.bytes.contains(0),
                "seed \(seed), bytes \(bytes)"
            )
            #expect(try RelativePath(path.bytes) == path, "seed \(seed), bytes \(bytes)")
        }
        #expect(accepted > 100, "seed \(seed)")
    }
}

/// SplitMix64, for tests that can be repeated from their seed.
struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        self.state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = self.state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
