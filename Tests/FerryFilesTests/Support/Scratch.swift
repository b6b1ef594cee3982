import FerryErrors
import FerryFiles
import Foundation
import Glibc

/// A temporary directory that is removed with its last reference, and short ways to look into it past the code under
/// test.
final class Scratch: Sendable {
    let path: String

    init() throws {
        var template = Array((NSTemporaryDirectory() + "/ferry-files.XXXXXX").utf8CString)
        guard mkdtemp(&template) != nil else { throw FerryError(.inputOutput, "mkdtemp failed: errno \(errno)") }
        self.path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    deinit { try? FileManager.default.removeItem(atPath: self.path) }

    func root(umask: UInt32 = 0o022, calls: SystemCalls = .real) throws -> RootDirectory {
        try RootDirectory(path: self.path, umask: umask, calls: calls)
    }

    func full(_ name: String) -> String { self.path + "/" + name }

    func write(_ name: String, _ content: String) throws {
        try content.write(toFile: self.full(name), atomically: false, encoding: .utf8)
    }

    func makeDirectory(_ name: String) throws {
        try FileManager.default.createDirectory(atPath: self.full(name), withIntermediateDirectories: true)
    }

    func link(_ name: String, to target: String) throws {
        guard symlink(target, self.full(name)) == 0 else { throw FerryError(.inputOutput, "symlink: errno \(errno)") }
    }

    /// The content, or nil if there is no such file.
    func read(_ name: String) -> String? { try? String(contentsOfFile: self.full(name), encoding: .utf8) }

    /// All names below, partial files included, sorted.
    func names(_ directory: String = "") -> [String] {
        ((try? FileManager.default.contentsOfDirectory(atPath: self.full(directory))) ?? []).sorted()
    }

    /// The names of partial files in a directory.
    func hidden(_ directory: String) -> [String] { self.names(directory).filter { $0.hasPrefix(".ferry-part.") } }

    /// Status of the name itself, of a link too.
    func status(_ name: String) -> stat? {
        var status = stat()
        return lstat(self.full(name), &status) == 0 ? status : nil
    }
}

/// The error that `body` throws, or nil.
func failure(_ body: () throws -> Void) -> FerryError? {
    do {
        try body()
        return nil
    } catch {
        return error as? FerryError
    }
}

extension PartialFile {
    func write(_ text: String, at offset: Int64 = 0) throws(FerryError) {
        try Array(text.utf8).span.withUnsafeBytes { bytes throws(FerryError) in try self.write(bytes, at: offset) }
    }

    func read(_ count: Int, at offset: Int64) throws -> String {
        var buffer = [UInt8](repeating: 0, count: count)
        let read = try buffer.withUnsafeMutableBytes { try self.read(into: $0, at: offset) }
        return String(decoding: buffer[..<read], as: UTF8.self)
    }
}

extension ByteSource {
    /// Everything from here to the end, in steps.
    func readAll(step: Int = 64) throws -> String {
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: step)
        while true {
            let count = try buffer.withUnsafeMutableBytes { try self.read(into: $0) }
            if count == 0 { return String(decoding: bytes, as: UTF8.self) }
            bytes += buffer[..<count]
        }
    }
}

/// Makes, fills and publishes a file, as a push does.
func push(
    _ root: RootDirectory,
    _ path: String,
    _ text: String,
    mode: UInt32 = 0o644,
    makeParents: Bool = false
) throws {
    let partial = try root.createPartial(for: RelativePath(path), makeParents: makeParents)
    try partial.write(text)
    try partial.publish(size: Int64(text.utf8.count), mode: mode, modified: Timestamp(seconds: 1_000_000_000))
}
