import Dispatch
import FerryErrors
import FerryFiles
import Foundation
import Glibc
import Synchronization
import Testing

@Suite struct RootDirectoryChangesTests {
    @Test func removesFilesLinksAndEmptyDirectories() throws {
        let scratch = try Scratch()
        try scratch.write("file", "x")
        try scratch.makeDirectory("d/empty")
        try scratch.link("link", to: "d")
        let root = try scratch.root()
        for path in ["file", "link", "d/empty/"] { try root.remove(RelativePath(path)) }
        #expect(scratch.names() == ["d"])
        #expect(scratch.names("d") == [])
    }

    @Test func refusesWhatCannotBeRemoved() throws {
        let scratch = try Scratch()
        try scratch.makeDirectory("full")
        try scratch.write("full/x", "x")
        let root = try scratch.root()
        let error = failure { try root.remove(RelativePath("full")) }
        #expect(error?.code == .notEmpty)
        #expect(error?.remedy == nil)
        #expect(failure { try root.remove(RelativePath("none")) }?.code == .notFound)
        #expect(failure { try root.remove(RelativePath("full/x/y")) }?.code == .notADirectory)
        #expect(failure { try root.remove(.root) }?.code == .invalidPath)
    }

    @Test func explainsADirectoryThatOnlySeemsEmpty() throws {
        let scratch = try Scratch()
        let root = try scratch.root()
        let partial = try root.createPartial(for: RelativePath("d/x"), makeParents: true)
        let error = failure { try root.remove(RelativePath("d")) }
        #expect(error?.code == .notEmpty)
        #expect(error?.remedy?.contains("unfinished") == true)
        partial.discard()
        try root.remove(RelativePath("d"))
    }

    @Test func removesDurably() throws {
        let scratch = try Scratch()
        try scratch.write("x", "x")
        let script = CallScript()
        try scratch.root(calls: script.calls).remove(RelativePath("x"))
        let names = script.records.map(\.name)
        let removed = try #require(names.lastIndex(of: .unlinkat))
        #expect(names[removed...].contains(.fsync))
    }

    @Test func makesDirectories() throws {
        let scratch = try Scratch()
        let root = try scratch.root()
        try root.makeDirectory(RelativePath("a"), parents: false)
        try root.makeDirectory(RelativePath("a"), parents: false)
        try root.makeDirectory(RelativePath("b/c/d"), parents: true)
        try root.makeDirectory(RelativePath("b/c/d"), parents: true)
        try root.makeDirectory(.root, parents: true)
        #expect(try root.info(RelativePath("b/c/d")).kind == .directory)
        #expect(failure { try root.makeDirectory(RelativePath("x/y"), parents: false) }?.code == .notFound)
    }

    @Test func makesDeepDirectories() throws {
        let scratch = try Scratch()
        let root = try scratch.root()
        let path = try RelativePath(String(repeating: "a/", count: 199) + "a")
        try root.makeDirectory(path, parents: true)
        #expect(try root.info(path).kind == .directory)
    }

    @Test func refusesToMakeADirectoryWhereAFileIs() throws {
        let scratch = try Scratch()
        try scratch.write("x", "x")
        let root = try scratch.root()
        for parents in [false, true] {
            #expect(failure { try root.makeDirectory(RelativePath("x"), parents: parents) }?.code == .notADirectory)
            #expect(failure { try root.makeDirectory(RelativePath("x/y"), parents: parents) }?.code == .notADirectory)
        }
    }

    @Test(arguments: [
        (EACCES, FerryError.Code.permission), (EROFS, .readOnly), (ENOSPC, .noSpace), (EIO, .inputOutput),
    ])
    func reportsWhatFails(_ errno: Int32, _ code: FerryError.Code) throws {
        for name in [SystemCalls.Name.mkdirat, .fsync, .unlinkat] {
            let scratch = try Scratch()
            try scratch.write("x", "x")
            let script = CallScript { _, called in called == name ? .fail(errno) : .proceed }
            let root = try scratch.root(calls: script.calls)
            let error =
                name == .unlinkat
                ? failure { try root.remove(RelativePath("x")) }
                : failure { try root.makeDirectory(RelativePath("d"), parents: false) }
            #expect(error?.code == code, "\(name)")
        }
    }

    /// Issue: a directory swapped for a link in a loop while pushes run.
    @Test(.timeLimit(.minutes(5))) func aDirectorySwappedInALoopNeverLetsAPushOut() throws {
        let scratch = try Scratch()
        let outside = try Scratch()
        try scratch.makeDirectory("d")
        try scratch.link("link", to: outside.path)
        let stop = Stop()
        let ended = DispatchSemaphore(value: 0)
        let swapper = Thread { [scratch] in
            let (directory, link, spare) = (scratch.full("d"), scratch.full("link"), scratch.full("spare"))
            while !stop.flag.load(ordering: .relaxed) {
                rename(directory, spare)
                rename(link, directory)
                sched_yield()
                rename(directory, link)
                rename(spare, directory)
                sched_yield()
            }
            ended.signal()
        }
        swapper.start()
        defer {
            stop.flag.store(true, ordering: .relaxed)
            ended.wait()
        }
        let root = try scratch.root()
        var (published, refused) = (0, 0)
        // Until both have been seen often, or long past the number at which that is sure.
        while published + refused < 100_000, min(published, refused) < 100 {
            do {
                try push(root, "d/x", "content")
                published += 1
            } catch let error as FerryError {
                #expect([.denied, .notFound, .busy].contains(error.code), "\(error)")
                refused += 1
            }
        }
        #expect(outside.names() == [])
        #expect(published >= 100 && refused >= 100, "published \(published), refused \(refused)")
    }
}

private final class Stop: Sendable { let flag = Atomic(false) }
