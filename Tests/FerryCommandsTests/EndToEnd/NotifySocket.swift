import Foundation
import Glibc
import Testing

/// What NOTIFY_SOCKET names (sd_notify(3)).
final class NotifySocket: Sendable {
    let path: String
    /// One message after another, in the order of arrival.
    let messages: Watcher
    private let descriptor: Int32
    private let directory: String

    init() throws {
        self.directory = FileManager.default.temporaryDirectory.path + "/ferry-\(UInt64.random(in: 0 ... .max))"
        self.path = self.directory + "/notify"
        try FileManager.default.createDirectory(atPath: self.directory, withIntermediateDirectories: true)
        self.descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        let result = Self.withAddress(of: self.path) { [descriptor] in bind(descriptor, $0, $1) }
        try #require(result == 0, "errno \(errno)")
        self.messages = Watcher(FileHandle(fileDescriptor: self.descriptor, closeOnDealloc: false))
    }

    deinit {
        // Ends the watcher's reading.
        shutdown(self.descriptor, Int32(SHUT_RDWR))
        close(self.descriptor)
        try? FileManager.default.removeItem(atPath: self.directory)
    }

    /// Adds a message of the test's own.
    func send(_ text: String) throws {
        let sender = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        defer { close(sender) }
        let result = Self.withAddress(of: self.path) { sendto(sender, text, text.utf8.count, 0, $0, $1) }
        try #require(result == text.utf8.count, "errno \(errno)")
    }

    private static func withAddress<Value>(
        of path: String,
        _ body: (UnsafePointer<sockaddr>, socklen_t) -> Value
    ) -> Value {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8.prefix($0.count - 1)) }
        return withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                body($0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
    }
}

/// Keeps whoever reads an SQLite database in WAL mode waiting: every reader takes one of five locks, and these are all
/// of them (the file format's section 2.3.2, "locks used in WAL mode").
final class HeldReaders {
    private static let first: off_t = 123
    private static let count: off_t = 5

    private let descriptor: Int32
    private var isHeld = true

    init(_ database: String) throws {
        self.descriptor = open(database + "-shm", O_RDWR | O_CLOEXEC)
        try #require(self.descriptor >= 0, "errno \(errno)")
        try #require(self.set(Int16(F_WRLCK)) == 0, "errno \(errno)")
    }

    deinit { self.release() }

    func release() {
        guard self.isHeld else { return }
        self.isHeld = false
        _ = self.set(Int16(F_UNLCK))
        close(self.descriptor)
    }

    private func set(_ type: Int16) -> Int32 {
        var lock = flock(
            l_type: type,
            l_whence: Int16(SEEK_SET),
            l_start: Self.first,
            l_len: Self.count,
            l_pid: 0
        )
        return fcntl(self.descriptor, F_SETLKW, &lock)
    }
}
