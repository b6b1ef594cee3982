import FerryErrors
import FerryFiles
import Glibc
import Testing

@Suite struct RootDirectoryTests {
    private func read(_ root: RootDirectory, _ path: String) throws -> String {
        try root.openForReading(RelativePath(path)).readAll()
    }

    @Test func needsADirectory() throws {
        let scratch = try Scratch()
        try scratch.write("file", "")
        #expect(failure { _ = try RootDirectory(path: scratch.full("none")) }?.code == .notFound)
        #expect(failure { _ = try RootDirectory(path: scratch.full("file")) }?.code == .notADirectory)
        #expect(failure { _ = try RootDirectory(path: "") }?.code == .invalidPath)
        #expect(failure { _ = try RootDirectory(path: "/tmp\0/x") }?.code == .invalidPath)
    }

    @Test func staysWithARenamedDirectory() throws {
        let scratch = try Scratch()
        try scratch.makeDirectory("share")
        let root = try RootDirectory(path: scratch.full("share"))
        rename(scratch.full("share"), scratch.full("moved"))
        try push(root, "x", "content")
        #expect(scratch.read("moved/x") == "content")
    }

    @Test func followsLinksThatStayWithin() throws {
        let scratch = try Scratch()
        try scratch.makeDirectory("d/e")
        try scratch.write("d/x", "content")
        try scratch.link("file", to: "d/x")
        try scratch.link("directory", to: "d")
        try scratch.link("d/e/up", to: "../x")
        let root = try scratch.root()
        for path in ["file", "directory/x", "d/e/up", "directory/e/up"] {
            #expect(try self.read(root, path) == "content", "\(path)")
            #expect(try root.info(RelativePath(path)).kind == .file, "\(path)")
        }
        try push(root, "directory/y", "new")
        #expect(scratch.read("d/y") == "new")
    }

    /// Absolute links are refused even if they point into the root: what they mean depends on where it is mounted.
    @Test func refusesLinksThatLeaveInEveryOperation() throws {
        let outside = try Scratch()
        try outside.write("secret", "secret")
        let scratch = try Scratch()
        try scratch.makeDirectory("d")
        try scratch.write("x", "content")
        try scratch.link("absolute", to: outside.path)
        try scratch.link("relative", to: "../\(try #require(outside.path.split(separator: "/").last))")
        try scratch.link("inside", to: scratch.path)
        try scratch.link("d/magic", to: "/proc/self/root")
        let root = try scratch.root()
        for link in ["absolute", "relative", "inside", "d/magic"] {
            let path = try RelativePath(link + "/secret")
            let operations: [(String, () throws -> Void)] = [
                ("read", { _ = try root.openForReading(path) }),
                ("info", { _ = try root.info(path) }),
                ("info of the link's target", { _ = try root.info(RelativePath(link)) }),
                ("list", { try root.list(RelativePath(link)) { _, _ in true } }),
                ("remove", { try root.remove(path) }),
                ("make", { try root.makeDirectory(path, parents: true) }),
                ("write", { _ = try root.createPartial(for: path, makeParents: true) }),
            ]
            for (name, operation) in operations {
                let error = failure(operation)
                #expect(error?.code == .denied, "\(name) by \(link): \(String(describing: error))")
                #expect(error?.message.contains(outside.path) == false, "\(name) by \(link)")
            }
            #expect(try root.info(RelativePath(link), followSymlinks: false).kind == .symlink)
        }
        #expect(outside.names() == ["secret"])
        #expect(outside.read("secret") == "secret")
    }

    @Test func refusesALoopOfLinks() throws {
        let scratch = try Scratch()
        try scratch.link("a", to: "b")
        try scratch.link("b", to: "a")
        let root = try scratch.root()
        #expect(failure { _ = try self.read(root, "a") }?.code == .denied)
    }

    /// Opening a FIFO without a writer would wait for ever.
    @Test(.timeLimit(.minutes(5))) func readsNothingButFiles() throws {
        let scratch = try Scratch()
        try scratch.makeDirectory("directory")
        mkfifo(scratch.full("fifo"), 0o600)
        let socket = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(socket) }
        try self.bind(socket, scratch.full("socket"))
        let root = try scratch.root()
        for name in ["directory", "fifo", "socket"] {
            #expect(failure { _ = try self.read(root, name) }?.code == .notAFile, "\(name)")
            #expect(failure { _ = try SourceFile(local: scratch.full(name)) }?.code == .notAFile, "\(name)")
        }
        #expect(try root.info(RelativePath("fifo")).kind == .other)
        #expect(failure { _ = try self.read(root, "none") }?.code == .notFound)
    }

    @Test func tellsAboutFiles() throws {
        let scratch = try Scratch()
        try scratch.write("x", "12345")
        chmod(scratch.full("x"), 0o4751)
        let info = try scratch.root().info(RelativePath("x"))
        let status = try #require(scratch.status("x"))
        #expect(info.kind == .file)
        #expect(info.size == 5)
        #expect(info.mode == 0o4751)
        #expect(
            info.modified
                == Timestamp(seconds: Int64(status.st_mtim.tv_sec), nanoseconds: UInt32(status.st_mtim.tv_nsec))
        )
        #expect(info.inode == UInt64(status.st_ino))
        #expect(info.owner == getuid())
        #expect(try scratch.root().info(.root).kind == .directory)
    }

    @Test func namesNeedNotBeText() throws {
        let scratch = try Scratch()
        let root = try scratch.root()
        let path = try RelativePath([0xFF, 0x0A, 0x1B, 0xC3])
        let partial = try root.createPartial(for: path, makeParents: false)
        try partial.write("content")
        try partial.publish(size: 7, mode: 0o600, modified: nil)
        #expect(try root.openForReading(path).readAll() == "content")
        var names: [[UInt8]] = []
        try root.list(.root) { name, _ in
            names.append(name)
            return true
        }
        #expect(names == [path.bytes])
        try root.remove(path)
        let error = try #require(failure { try root.remove(path) })
        #expect(error.code == .notFound)
        #expect(error.message.contains("\\xFF\\x0A\\x1B\\xC3"))
    }

    @Test func findsFreeSpace() throws {
        let scratch = try Scratch()
        let available = try scratch.root().availableBytes()
        #expect(available > 0 && available < 1 << 60)
    }

    @Test func probesOpenat2() throws {
        try RootDirectory.probe()
        for errno in [ENOSYS, EPERM] {
            let script = CallScript { _, _ in .fail(errno) }
            let error = failure { try RootDirectory.probe(calls: script.calls) }
            #expect(error?.code == .unsupported)
            #expect(error?.remedy?.contains("RestrictSUIDSGID=") == true)
        }
    }

    /// The kernel answers EAGAIN while renames elsewhere go on.
    @Test func asksOpenat2AgainButNotForEver() throws {
        let scratch = try Scratch()
        try scratch.write("x", "content")
        let path = try RelativePath("x")
        // The first call opens the root.
        let patient = CallScript { index, _ in (1...127).contains(index) ? .fail(EAGAIN) : .proceed }
        #expect(try scratch.root(calls: patient.calls).info(path).size == 7)
        let impatient = CallScript { index, _ in (1...128).contains(index) ? .fail(EAGAIN) : .proceed }
        let root = try scratch.root(calls: impatient.calls)
        #expect(failure { _ = try root.info(path) }?.code == .busy)
    }

    private func bind(_ socket: Int32, _ path: String) throws {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8.prefix($0.count - 1)) }
        let size = socklen_t(MemoryLayout<sockaddr_un>.size)
        let result = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { Glibc.bind(socket, $0, size) }
        }
        try #require(result == 0)
    }
}
