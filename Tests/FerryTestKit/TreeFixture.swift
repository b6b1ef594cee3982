import CLinux
import Foundation
import Glibc

/// A tree on disk that a seed makes, and short ways to look at trees past the code under test.
package enum TreeFixture {
    /// Names that programs get wrong: bytes that are no UTF-8, line ends, leading dashes, look-alikes of one another.
    private static let oddNames: [[UInt8]] = [
        [0xFF, 0xFE, 0x41], Array("line\nend".utf8), Array("-rf".utf8), Array(" ".utf8), Array("é".utf8),
        Array("e\u{301}".utf8), Array("Readme".utf8), Array("README".utf8), Array("a\\b".utf8), Array("*".utf8),
        [UInt8](repeating: 0x6E, count: 255), Array("…".utf8), [0x01, 0x1B, 0x5B], Array("a'b\"c".utf8),
    ]

    /// Makes a tree.
    ///
    /// - Parameters:
    ///   - path: of a directory that does not exist.
    ///   - entries: about how many things are in it.
    ///   - generator: decides everything.
    package static func make(_ path: String, entries: Int, _ generator: inout SeededGenerator) {
        self.call(mkdir(path, 0o755))
        var directories = [Array(path.utf8)]
        var files: [[UInt8]] = []
        for number in 0..<entries {
            let parent = directories[generator.below(directories.count)]
            let name =
                generator.oneIn(4) ? self.oddNames[generator.below(self.oddNames.count)] : Array("f\(number)".utf8)
            let new = parent + [UInt8(ascii: "/")] + name
            if self.status(new) != nil { continue }
            switch generator.below(12) {
            case 0, 1:
                self.call(self.with(new) { mkdir($0, 0o700) })
                directories.append(new)
            case 2: self.call(self.with(new) { symlink(["f1", "../x", "/etc/passwd", "."][generator.below(4)], $0) })
            case 3 where !files.isEmpty:
                let old = files[generator.below(files.count)]
                self.call(self.with(old) { old in self.with(new) { link(old, $0) } })
            default:
                self.write(new, self.content(&generator))
                files.append(new)
            }
        }
        for file in files { self.dress(file, [0o644, 0o600, 0o755, 0o444, 0o666][generator.below(5)], &generator) }
        for directory in directories.reversed() {
            // What the target's top hands to others stays where the source's has no ACL.
            let isTop = directory == Array(path.utf8)
            self.dress(directory, [0o755, 0o700, 0o555][generator.below(3)], hasList: !isTop, &generator)
        }
    }

    private static func content(_ generator: inout SeededGenerator) -> [UInt8] {
        switch generator.below(10) {
        case 0: []
        case 1: [UInt8](repeating: 0, count: generator.below(300_000))
        case 2: generator.bytes(generator.below(1 << 20))
        case 3: generator.bytes([65_535, 65_536, 65_537, 262_143, 262_144, 262_145][generator.below(6)])
        default: generator.bytes(generator.below(6000))
        }
    }

    private static func write(_ path: [UInt8], _ content: [UInt8]) {
        let file = self.with(path) { open($0, O_WRONLY | O_CREAT | O_TRUNC, 0o644) }
        self.call(file)
        var done = 0
        while done < content.count {
            let count = content[done...].withUnsafeBytes { Glibc.write(file, $0.baseAddress, $0.count) }
            self.call(Int32(truncatingIfNeeded: min(count, 0)))
            done += count
        }
        close(file)
    }

    private static func dress(
        _ path: [UInt8],
        _ mode: mode_t,
        hasList: Bool = true,
        _ generator: inout SeededGenerator
    ) {
        if geteuid() == 0, generator.oneIn(6) {
            let owner = UInt32([0, 1, 65_534, 123_456][generator.below(4)])
            self.call(self.with(path) { chown($0, owner, owner / 2) })
        }
        for number in 0..<3 where generator.oneIn(6) {
            let length = [0, 1, 100, 700][generator.below(4)]
            self.setAttribute(path, "user.\(number)", generator.bytes(length))
        }
        self.call(self.with(path) { chmod($0, mode) })
        if hasList, generator.oneIn(6) {
            self.setAttribute(path, self.accessList, self.list(user: 7 + UInt32(generator.below(9))))
        }
        let time = timespec(
            tv_sec: 1_000_000_000 + generator.below(600_000_000),
            tv_nsec: generator.below(1_000_000_000)
        )
        self.call(self.with(path) { utimensat(AT_FDCWD, $0, [time, time], AT_SYMLINK_NOFOLLOW) })
    }

    package static let accessList = "system.posix_acl_access"
    package static let standardList = "system.posix_acl_default"

    /// An ACL: all to the owner, some to a user, nothing to others.
    package static func list(user: UInt32) -> [UInt8] {
        let entries: [(tag: UInt8, rights: UInt8, id: UInt32)] = [
            (0x01, 7, .max), (0x02, 5, user), (0x04, 4, .max), (0x10, 5, .max), (0x20, 0, .max),
        ]
        return entries.reduce([2, 0, 0, 0]) { list, entry in
            let id = (0..<4).map { UInt8(truncatingIfNeeded: entry.id >> (8 * $0)) }
            return list + [entry.tag, 0, entry.rights, 0] + id
        }
    }

    /// Gives a file or directory an extended attribute.
    package static func setAttribute(_ path: [UInt8], _ name: String, _ value: [UInt8]) {
        self.opening(path) { self.call(ferry_setxattr($0, "", name, value, value.count)) }
    }

    package static func removeAttribute(_ path: String, _ name: String) {
        self.opening(Array(path.utf8)) { self.call(ferry_removexattr($0, "", name)) }
    }

    /// All extended attributes of a file or directory.
    package static func attributes(_ path: String) -> [String: [UInt8]] {
        var result: [String: [UInt8]] = [:]
        self.opening(Array(path.utf8)) { file in
            var list = [CChar](repeating: 0, count: 1 << 16)
            let count = ferry_listxattr(file, "", &list, list.count)
            self.call(Int32(truncatingIfNeeded: min(count, 0)))
            for name in list.prefix(count).split(separator: 0) {
                let name = String(decoding: name.map { UInt8(bitPattern: $0) }, as: UTF8.self)
                var value = [UInt8](repeating: 0, count: 1 << 16)
                let length = ferry_getxattr(file, "", name, &value, value.count)
                result[name] = Array(value.prefix(max(0, length)))
            }
        }
        return result
    }

    private static func opening(_ path: [UInt8], _ body: (Int32) -> Void) {
        let file = self.with(path) { open($0, O_RDONLY | O_NOFOLLOW | O_CLOEXEC) }
        self.call(file)
        body(file)
        close(file)
    }

    /// `MODE UID:GID` of a thing, the mode octal with its kind.
    package static func owner(_ path: String) -> String {
        guard let status = self.status(Array(path.utf8)) else { return "nothing" }
        return "\(String(status.st_mode, radix: 8)) \(status.st_uid):\(status.st_gid)"
    }

    /// Whether a regular file has this name.
    package static func isFile(_ path: String) -> Bool {
        self.status(Array(path.utf8)).map { $0.st_mode & S_IFMT == S_IFREG } ?? false
    }

    /// Replaces a file's content.
    package static func write(_ path: String, _ content: [UInt8]) { self.write(Array(path.utf8), content) }

    /// Gives a file a time of modification.
    package static func setTime(_ path: String, seconds: Int, nanoseconds: Int = 0) {
        let time = timespec(tv_sec: seconds, tv_nsec: nanoseconds)
        self.call(utimensat(AT_FDCWD, path, [time, time], 0))
    }

    /// Status of the name itself, of a link too; nil if there is nothing.
    private static func status(_ path: [UInt8]) -> stat? {
        var status = stat()
        return self.with(path) { lstat($0, &status) } == 0 ? status : nil
    }

    private static func with<Result>(_ path: [UInt8], _ body: (UnsafePointer<CChar>) -> Result) -> Result {
        (path.map { CChar(bitPattern: $0) } + [0]).withUnsafeBufferPointer { pointer in
            guard let base = pointer.baseAddress else { preconditionFailure("an array with a NUL has a place") }
            return body(base)
        }
    }

    private static func call(_ result: Int32) { precondition(result >= 0, "errno \(errno)") }

    /// What rsync would still change to make `there` like `here`: nothing, if they are equal. Owners are left out where this
    /// process cannot set them.
    ///
    /// - Parameters:
    ///   - here: a directory.
    ///   - there: another.
    /// - Returns: rsync's lines.
    /// - Throws: what starting rsync fails with.
    package static func differences(_ here: String, _ there: String) throws -> String {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/rsync")
        let owners = geteuid() == 0 ? ["-og", "--numeric-ids"] : []
        process.arguments = ["-rlptD", "-nicAXH", "--delete"] + owners + [here + "/", there + "/"]
        let pipe = Pipe()
        process.standardOutput = pipe
        process.standardError = pipe
        try process.run()
        let output = try pipe.fileHandleForReading.readToEnd() ?? Data()
        process.waitUntilExit()
        return String(decoding: output, as: UTF8.self)
            + (process.terminationStatus == 0 ? "" : "rsync ended with \(process.terminationStatus)")
    }

    /// Inode and ctime of everything in a tree: equal only if nothing was touched.
    package static func fingerprint(_ path: String) -> [String] {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/find")
        process.arguments = [path, "-printf", "%i %C@ %P\\n"]
        let pipe = Pipe()
        process.standardOutput = pipe
        guard (try? process.run()) != nil else { return ["find did not run"] }
        let output = (try? pipe.fileHandleForReading.readToEnd()) ?? Data()
        process.waitUntilExit()
        return String(decoding: output, as: UTF8.self).split(separator: "\n").map(String.init).sorted()
    }
}
