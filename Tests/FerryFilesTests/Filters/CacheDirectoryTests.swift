import FerryFiles
import Testing

@Suite struct CacheDirectoryTests {
    @Test func knowsTheSignature() {
        // The specification: 43 octets, whose digits are the MD5 of ".IsCacheDirectory".
        let tag = "Signature: 8a477f597d28d172789f06886806bc55"
        #expect(CacheDirectory.signature.count == 43)
        #expect(CacheDirectory.isTag(tag.utf8))
        #expect(CacheDirectory.isTag((tag + "\n# a comment\n").utf8))
        #expect(!CacheDirectory.isTag(tag.dropLast().utf8))
        #expect(!CacheDirectory.isTag((" " + tag).utf8))
        #expect(!CacheDirectory.isTag(tag.uppercased().utf8))
        #expect(!CacheDirectory.isTag([]))
        #expect(CacheDirectory.tagName == Array("CACHEDIR.TAG".utf8))
    }
}
