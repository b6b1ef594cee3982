import FerryErrors
import FerryFiles
import Glibc
import Testing

/// What publishing promises when calls fail, at every call in turn.
@Suite struct PublishFaultTests {
    /// Promise 1, durable before acknowledged, as a predicate over a record of calls.
    private func isDurable(_ records: [CallScript.Record], file: UInt64, directory: UInt64) -> Bool {
        guard let rename = records.lastIndex(where: { $0.name == .renameat && $0.inode == directory }),
            let lastChange = records.lastIndex(where: {
                [.pwrite, .ftruncate, .fchmod, .futimens].contains($0.name) && $0.inode == file
            }),
            let fileSync = records.lastIndex(where: { $0.name == .fsync && $0.inode == file && !$0.isDirectory }),
            let directorySync = records.lastIndex(where: {
                $0.name == .fsync && $0.inode == directory && $0.isDirectory
            })
        else { return false }
        return lastChange < fileSync && fileSync < rename && rename < directorySync
    }

    @Test func syncsTheFileThenRenamesThenSyncsTheDirectory() throws {
        let scratch = try Scratch()
        try scratch.makeDirectory("d")
        let script = CallScript()
        try push(scratch.root(calls: script.calls), "d/x", "content")
        let file = UInt64(try #require(scratch.status("d/x")).st_ino)
        let directory = UInt64(try #require(scratch.status("d")).st_ino)
        let records = script.records
        #expect(self.isDurable(records, file: file, directory: directory), "\(records)")
        // The predicate can fail: without any one of these calls, or with the two syncs exchanged, it does.
        for (index, record) in records.enumerated() where [.fsync, .renameat].contains(record.name) {
            var fewer = records
            fewer.remove(at: index)
            #expect(!self.isDurable(fewer, file: file, directory: directory), "without \(record)")
        }
        let syncs = records.indices.filter { records[$0].name == .fsync }
        try #require(syncs.count == 2)
        var exchanged = records
        exchanged.swapAt(syncs[0], syncs[1])
        #expect(!self.isDurable(exchanged, file: file, directory: directory))
    }

    @Test func syncsTheParentOfEveryDirectoryItMakes() throws {
        let scratch = try Scratch()
        let script = CallScript()
        try push(scratch.root(calls: script.calls), "a/b/x", "content", makeParents: true)
        for parent in ["", "a"] {
            let inode = UInt64(try #require(scratch.status(parent)).st_ino)
            let records = script.records
            let made = try #require(records.firstIndex { $0.name == .mkdirat && $0.inode == inode })
            #expect(records[made...].contains { $0.name == .fsync && $0.inode == inode }, "parent \"\(parent)\"")
        }
    }

    @Test(arguments: [
        (ENOSPC, FerryError.Code.noSpace), (EDQUOT, .noSpace), (EIO, .inputOutput), (EROFS, .readOnly),
        (EACCES, .permission), (EPERM, .permission), (EFBIG, .tooLarge),
    ])
    func aFailureAtAnyCallLeavesTheOldFileAndNothingElse(_ errno: Int32, _ code: FerryError.Code) throws {
        // The large one goes past the page cache, but for its tail.
        for content in ["new content", String(repeating: "new ", count: 400_000)] {
            let count = try self.countCalls(content)
            #expect(count >= 8)
            try self.failing(errno, code, content, count)
        }
    }

    private func failing(_ errno: Int32, _ code: FerryError.Code, _ content: String, _ count: Int) throws {
        for index in 0..<count {
            let scratch = try Scratch()
            try scratch.write("x", "old")
            let script = CallScript.failing(at: index, errno)
            let error = failure { try push(scratch.root(calls: script.calls), "x", content) }
            let records = script.records
            let failed = try #require(records.indices.contains(index) ? records[index] : nil)
            #expect(error?.code == code, "at \(index): \(failed)")
            // After the rename the new file is in place; it is whole, but its name may not be durable.
            let isAfterRename = records[..<index].contains { $0.name == .renameat }
            #expect(scratch.read("x") == (isAfterRename ? content : "old"), "at \(index): \(failed)")
            #expect(scratch.names() == ["x"], "at \(index): \(failed)")
        }
    }

    @Test func aSignalAtAnyCallChangesNothingButAFailedSync() throws {
        for index in 0..<(try self.countCalls()) {
            let scratch = try Scratch()
            try scratch.write("x", "old")
            let script = CallScript.failing(at: index, EINTR)
            let error = failure { try push(scratch.root(calls: script.calls), "x", "new content") }
            let failed = script.records[index]
            // A failed sync is never repeated: what it covered is not known.
            let isSync = failed.name == .fsync
            #expect((error != nil) == isSync, "at \(index): \(failed)")
            let isOld = isSync && !failed.isDirectory
            #expect(scratch.read("x") == (isOld ? "old" : "new content"), "at \(index): \(failed)")
            #expect(scratch.names() == ["x"], "at \(index): \(failed)")
        }
    }

    @Test func shortWritesAndReadsAreContinued() throws {
        let scratch = try Scratch()
        let script = CallScript { _, name in [.pwrite, .pread].contains(name) ? .short(3) : .proceed }
        let root = try scratch.root(calls: script.calls)
        let partial = try root.createPartial(for: RelativePath("x"), makeParents: false)
        try partial.write("0123456789")
        #expect(try partial.read(10, at: 0) == "0123456789")
        try partial.publish(size: 10, mode: 0o600, modified: nil)
        #expect(scratch.read("x") == "0123456789")
        #expect(script.records.filter { $0.name == .pwrite }.count == 4)
    }

    @Test func aWriteThatWritesNothingIsNoEndlessLoop() throws {
        let scratch = try Scratch()
        let script = CallScript { _, name in name == .pwrite ? .short(0) : .proceed }
        #expect(failure { try push(scratch.root(calls: script.calls), "x", "new") }?.code == .inputOutput)
        #expect(scratch.names() == [])
    }

    /// At each call of a push, the directory is exchanged for a link that leads out.
    @Test func aDirectorySwappedForALinkCannotRedirect() throws {
        var published = 0
        for index in 0..<(try self.countCalls(path: "d/x")) {
            let scratch = try Scratch()
            let outside = try Scratch()
            try scratch.makeDirectory("d")
            let script = CallScript { number, _ in
                if number == index {
                    rename(scratch.full("d"), scratch.full("moved"))
                    symlink(outside.path, scratch.full("d"))
                }
                return .proceed
            }
            let error = failure { try push(scratch.root(calls: script.calls), "d/x", "content") }
            #expect(outside.names() == [], "at \(index)")
            if let error {
                #expect(error.code == .denied, "at \(index)")
                #expect(scratch.names("moved") == [], "at \(index)")
            } else {
                published += 1
                #expect(scratch.names("moved") == ["x"], "at \(index)")
            }
        }
        #expect(published > 0)
    }

    /// How many calls a push of "x" over an old file makes.
    private func countCalls(_ content: String = "new content", path: String = "x") throws -> Int {
        let scratch = try Scratch()
        try scratch.makeDirectory("d")
        try scratch.write(path, "old")
        let script = CallScript()
        try push(scratch.root(calls: script.calls), path, content)
        return script.records.count
    }
}
