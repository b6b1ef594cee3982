import FerryErrors
import FerryFiles
import Glibc
import Testing

@Suite struct PrivateFileTests {
    @Test func writesAndReads() throws {
        let scratch = try Scratch()
        let path = scratch.full("secret")
        try PrivateFile.write(path, Array("one".utf8))
        try PrivateFile.write(path, Array("two".utf8))
        #expect(try PrivateFile.read(path) == Array("two".utf8))
        #expect(try #require(scratch.status("secret")).st_mode & 0o7777 == 0o600)
        #expect(scratch.names() == ["secret"])
    }

    @Test(arguments: [mode_t(0o640), 0o604, 0o660, 0o700, 0o644, 0o601])
    func refusesAWiderMode(_ mode: mode_t) throws {
        let scratch = try Scratch()
        let path = scratch.full("secret")
        try PrivateFile.write(path, [1])
        chmod(path, mode)
        let error = failure { _ = try PrivateFile.read(path) }
        #expect(error?.code == .permission)
        #expect(error?.remedy?.contains("chmod 600 \(path)") == true)
    }

    @Test func takesANarrowerMode() throws {
        let scratch = try Scratch()
        let path = scratch.full("secret")
        try PrivateFile.write(path, [1])
        chmod(path, 0o400)
        #expect(try PrivateFile.read(path) == [1])
    }

    @Test(.enabled(if: geteuid() == 0, "only root can give a file away"))
    func refusesAnothersFile() throws {
        let scratch = try Scratch()
        let path = scratch.full("secret")
        try PrivateFile.write(path, [1])
        chown(path, 12_345, 12_345)
        let error = failure { _ = try PrivateFile.read(path) }
        #expect(error?.code == .permission)
        #expect(error?.message.contains("12345") == true)
    }

    @Test func limitsTheSize() throws {
        let scratch = try Scratch()
        let path = scratch.full("secret")
        try PrivateFile.write(path, [UInt8](repeating: 7, count: 10_000))
        #expect(try PrivateFile.read(path, limit: 10_000).count == 10_000)
        #expect(failure { _ = try PrivateFile.read(path, limit: 9999) }?.code == .tooLarge)
    }

    @Test func keepsTheOldFileWhenItCannotBeReplaced() throws {
        for name in [SystemCalls.Name.openat2, .pwrite, .fsync, .renameat] {
            let scratch = try Scratch()
            let path = scratch.full("secret")
            try PrivateFile.write(path, [1])
            let script = CallScript { _, called in called == name ? .fail(ENOSPC) : .proceed }
            #expect(failure { try PrivateFile.write(path, [2], calls: script.calls) }?.code == .noSpace, "\(name)")
            #expect(try PrivateFile.read(path) == [1], "\(name)")
            #expect(scratch.names() == ["secret"], "\(name)")
        }
    }

    @Test(arguments: ["", "/", "a\0b"]) func refusesBadPaths(_ path: String) {
        #expect(failure { try PrivateFile.write(path, [1]) }?.code == .invalidPath)
    }
}
