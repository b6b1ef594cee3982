import Dispatch
import FerryErrors
import FerryFiles
import Glibc
import Synchronization
import Testing

@Suite struct DirectoryLockTests {
    @Test func isHeldByOneAtATime() throws {
        let scratch = try Scratch()
        do {
            let lock = try DirectoryLock(scratch.path)
            let error = failure { _ = try DirectoryLock(scratch.path) }
            #expect(error?.code == .locked)
            #expect(error?.message.contains("process \(getpid())") == true)
            #expect(error?.message.contains(scratch.path) == true)
            withExtendedLifetime(lock) {}
        }
        _ = try DirectoryLock(scratch.path)
    }

    @Test func waitsForWhoeverHasIt() async throws {
        let scratch = try Scratch()
        let path = scratch.path
        let held = Mutex<DirectoryLock?>(try DirectoryLock(path))
        let begun = DispatchSemaphore(value: 0)
        let waiting = Task.detached {
            begun.signal()
            _ = try DirectoryLock(path, patience: 60_000)
        }
        await withCheckedContinuation {
            begun.wait()
            $0.resume()
        }
        #expect(failure { _ = try DirectoryLock(path) }?.code == .locked)
        held.withLock { $0 = nil }
        try await waiting.value
    }

    @Test func doesNotGuessTheHolder() throws {
        let scratch = try Scratch()
        let lock = try DirectoryLock(scratch.path)
        try scratch.write("lock", "rubbish \u{1B}[2J")
        let error = failure { _ = try DirectoryLock(scratch.path) }
        #expect(error?.code == .locked)
        #expect(error?.message.contains("another process") == true)
        withExtendedLifetime(lock) {}
    }

    @Test func isPrivateAndNeedsItsDirectory() throws {
        let scratch = try Scratch()
        _ = try DirectoryLock(scratch.path)
        #expect(try #require(scratch.status("lock")).st_mode & 0o7777 == 0o600)
        #expect(failure { _ = try DirectoryLock(scratch.full("none")) }?.code == .notFound)
    }

    @Test func followsNoLinkOfAnother() throws {
        let scratch = try Scratch()
        try scratch.write("precious", "precious")
        try scratch.link("lock", to: "precious")
        #expect(failure { _ = try DirectoryLock(scratch.path) }?.code == .denied)
        #expect(scratch.read("precious") == "precious")
    }
}
