import FerryErrors
import FerryFiles
import Foundation
import Glibc
import Testing

/// What leads out of a directory, or deeper into it, is no name of something in it: no call is made for it. The receiver
/// of a tree refuses such names before; this is for the day on which somebody forgets it.
@Suite struct EntryNameTests {
    /// The absolute one is made one beneath the test's own directory: without the guard each of them is acted upon.
    private static let names = ["../x", "..", ".", "a/b", "a/../../x", "/x", "a/", "x\0", ""]

    private static func calls(_ top: OpenDirectory, _ name: [UInt8]) -> [(String, () throws -> Void)] {
        let metadata = FileMetadata(mode: 0o777)
        let time = Timestamp(seconds: 1)
        var fifo = ToldMetadata(posixMode: 0o010644)
        fifo.device = 0
        return [
            ("info", { _ = try top.info(name) }), ("directory", { _ = try top.directory(name) }),
            ("file", { _ = try top.file(name) }), ("linkText", { _ = try top.linkText(name) }),
            (
                "read",
                {
                    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 9, alignment: 1)
                    defer { buffer.deallocate() }
                    _ = try top.read(name, into: buffer)
                }
            ), ("makeDirectory", { _ = try top.makeDirectory(name) }),
            ("setMode", { try top.setMode(name, to: 0o777) }),
            ("makeLink", { try top.makeLink(name, text: [0x61], modified: time, owner: nil) }),
            ("makeHardLink", { try top.makeHardLink(name, to: Array("file".utf8), in: top) }),
            ("makeHardLink to it", { try top.makeHardLink(Array("new".utf8), to: name, in: top) }),
            ("makeSpecial", { try top.makeSpecial(name, fifo, metadata, modified: time) }),
            ("createPartial", { try top.createPartial(name, owner: "alice").discard() }),
            ("remove", { try top.remove(name, isDirectory: false) }),
            ("remove directory", { try top.remove(name, isDirectory: true) }),
        ]
    }

    /// Where the empty name is the directory itself.
    private static func callsAboutMetadata(_ top: OpenDirectory, _ name: [UInt8]) -> [(String, () throws -> Void)] {
        [
            ("attributes", { _ = try top.attributes(name, where: { _ in true }) }),
            ("give", { try top.give(name, FileMetadata(mode: 0o777), now: top.info()) }),
        ]
    }

    @Test(arguments: Self.names) func noCallIsMadeForWhatIsNoName(_ name: String) throws {
        let scratch = try Scratch()
        try scratch.makeDirectory("tree/a/deep")
        for name in ["x", "tree/file", "tree/a/b"] { try scratch.write(name, "before") }
        let before = try Self.surroundings(scratch)
        let script = CallScript()
        let top = try RootDirectory(path: scratch.full("tree"), calls: script.calls).openTree(.root)
        let bytes = Array((name.hasPrefix("/") ? scratch.path + name : name).utf8)
        var calls = Self.calls(top, bytes)
        if !name.isEmpty { calls += Self.callsAboutMetadata(top, bytes) }
        for (what, call) in calls {
            let made = script.records.count
            let error = failure(call)
            #expect((error?.cause as? SystemError)?.number == EINVAL, "\(what): \(error.debugDescription)")
            // The directory's own status is no harm, nor is that of a name that is one; nor is removing the hidden name that was
            // to become a further one.
            let harmless: [SystemCalls.Name] = what == "makeHardLink to it" ? [.fstat, .unlinkat] : [.fstat]
            let further = script.records[made...].filter { !harmless.contains($0.name) }
            #expect(further == [], "\(what)")
        }
        #expect(try Self.surroundings(scratch) == before)
    }

    /// Every name with its mode, and what is in it.
    private static func surroundings(_ scratch: Scratch) throws -> [String] {
        try FileManager.default.subpathsOfDirectory(atPath: scratch.path).sorted()
            .map { "\($0) \(scratch.status($0)?.st_mode ?? 0) \(scratch.read($0) ?? "")" }
    }

    /// What only looks unlike a name is one.
    @Test(arguments: ["...", "..x", ".x", "a\\b", "a:b", "\u{1}", " ", "~"]) func othersAreNames(_ name: String) throws
    {
        let scratch = try Scratch()
        let top = try scratch.root().openTree(.root)
        let bytes = Array(name.utf8)
        _ = try #require(try top.makeDirectory(bytes))
        #expect(try top.info(bytes)?.kind == .directory)
        try top.remove(bytes, isDirectory: true)
        #expect(scratch.names() == [])
    }
}
