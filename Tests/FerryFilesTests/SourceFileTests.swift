import FerryErrors
import FerryFiles
import Glibc
import Testing

@Suite struct SourceFileTests {
    @Test func readsAnywhereAndInSequence() throws {
        let scratch = try Scratch()
        try scratch.write("x", "0123456789")
        let file = try SourceFile(local: scratch.full("x"))
        #expect(file.knownSize == 10)
        var buffer = [UInt8](repeating: 0, count: 4)
        let count = try buffer.withUnsafeMutableBytes { try file.read(into: $0, at: 8) }
        #expect(buffer[..<count] == Array("89".utf8)[...])
        #expect(try file.readAll(step: 3) == "0123456789")
    }

    @Test(arguments: [Int64.max, -1])
    func refusesOffsetsOutOfRange(_ offset: Int64) throws {
        let scratch = try Scratch()
        try scratch.write("x", "0123456789")
        let file = try SourceFile(local: scratch.full("x"))
        var buffer = [UInt8](repeating: 0, count: 4)
        let error = failure { _ = try buffer.withUnsafeMutableBytes { try file.read(into: $0, at: offset) } }
        #expect(error?.code == .inputOutput)
    }

    @Test func continuesShortReadsAndSignals() throws {
        let scratch = try Scratch()
        try scratch.write("x", "0123456789")
        let script = CallScript { index, name in
            guard name == .pread else { return .proceed }
            return index.isMultiple(of: 2) ? .fail(EINTR) : .short(3)
        }
        #expect(try SourceFile(local: scratch.full("x"), calls: script.calls).readAll(step: 10) == "0123456789")
    }

    @Test func reportsAFailingDisk() throws {
        let scratch = try Scratch()
        try scratch.write("x", "0123456789")
        let script = CallScript { _, name in name == .pread ? .fail(EIO) : .proceed }
        let error = failure { _ = try SourceFile(local: scratch.full("x"), calls: script.calls).readAll() }
        #expect(error?.code == .inputOutput)
        #expect(error?.message.contains(scratch.full("x")) == true)
    }

    @Test func followsTheUsersOwnLinks() throws {
        let scratch = try Scratch()
        let other = try Scratch()
        try other.write("x", "content")
        try scratch.link("link", to: other.full("x"))
        #expect(try SourceFile(local: scratch.full("link")).readAll() == "content")
    }

    @Test(arguments: ["grows", "shrinks", "is written", "is removed"])
    func noticesThatTheFileChanged(_ change: String) throws {
        let scratch = try Scratch()
        try scratch.write("x", "content")
        let path = scratch.full("x")
        // Back-dated, so that the change is one even on a file system with coarse times.
        let times = [timespec(tv_sec: 0, tv_nsec: 0), timespec(tv_sec: 1_000_000_000, tv_nsec: 0)]
        utimensat(AT_FDCWD, path, times, 0)
        let file = try SourceFile(local: path)
        try file.verifyUnchanged()
        switch change {
        case "grows": truncate(path, 100)
        case "shrinks": truncate(path, 1)
        case "is written": try scratch.write("x", "CONTENT")
        default: unlink(path)
        }
        #expect(failure { try file.verifyUnchanged() }?.code == .sourceChanged)
    }
}
