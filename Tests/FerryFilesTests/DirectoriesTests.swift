import FerryErrors
import FerryFiles
import Glibc
import Testing

@Suite struct DirectoriesTests {
    @Test func makesPrivateDirectoriesWithParents() throws {
        let scratch = try Scratch()
        try Directories.makePrivate(scratch.full("a/b//c/"))
        for name in ["a", "a/b", "a/b/c"] {
            #expect(try #require(scratch.status(name)).st_mode & 0o7777 == 0o700, "\(name)")
        }
        chmod(scratch.full("a"), 0o755)
        try Directories.makePrivate(scratch.full("a"))
        #expect(try #require(scratch.status("a")).st_mode & 0o7777 == 0o755)
    }

    @Test func refusesToMakeOneWhereAFileIs() throws {
        let scratch = try Scratch()
        try scratch.write("x", "")
        #expect(failure { try Directories.makePrivate(scratch.full("x")) }?.code == .notADirectory)
        #expect(failure { try Directories.makePrivate(scratch.full("x/y")) }?.code == .notADirectory)
        #expect(failure { try Directories.makePrivate("") }?.code == .invalidPath)
    }

    @Test func readsSmallFilesWhole() throws {
        let scratch = try Scratch()
        for size in [0, 1, 4095, 4096, 4097, 20_000] {
            let text = String(repeating: "x", count: size)
            try scratch.write("x", text)
            #expect(try Directories.readFile(scratch.full("x"), limit: size) == Array(text.utf8), "\(size)")
            guard size > 0 else { continue }
            #expect(failure { _ = try Directories.readFile(scratch.full("x"), limit: size - 1) }?.code == .tooLarge)
        }
        #expect(failure { _ = try Directories.readFile(scratch.path, limit: 1) }?.code == .notAFile)
    }

    @Test func tellsOwnersAndResolvesPaths() throws {
        let scratch = try Scratch()
        try scratch.makeDirectory("d")
        try scratch.link("link", to: "d")
        #expect(try Directories.info(scratch.path).owner == geteuid())
        #expect(try Directories.info(scratch.full("link")).kind == .directory)
        let resolved = try Directories.resolve(scratch.path)
        #expect(try Directories.resolve(scratch.full("link/../link/.")) == resolved + "/d")
        #expect(failure { _ = try Directories.resolve(scratch.full("none")) }?.code == .notFound)
    }

    @Test func readsTheUmask() {
        // The only way to ask the kernel sets it; put back at once.
        let mask = umask(0o022)
        umask(mask)
        #expect(ProcessUmask.current == UInt32(mask))
    }
}
