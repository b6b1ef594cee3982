import FerryErrors

/// A path on this machine as the user gave it; it need not be UTF-8.
package struct LocalPath: Sendable, Hashable {
    package let bytes: [UInt8]

    package init(_ bytes: [UInt8]) { self.bytes = bytes }

    /// Whether it was written with a slash at its end, and so must be a directory.
    package var isDirectory: Bool { self.bytes.last == UInt8(ascii: "/") }

    /// The name of the file itself; nil for what names none, such as `/`, `.` and `a/..`.
    package var fileName: [UInt8]? {
        guard let last = self.bytes.split(separator: UInt8(ascii: "/")).last else { return nil }
        return last.elementsEqual(".".utf8) || last.elementsEqual("..".utf8) ? nil : Array(last)
    }

    /// The directory that the file is in: `.` if the path does not say.
    package var directory: LocalPath {
        var bytes = self.bytes
        while bytes.count > 1, bytes.last == UInt8(ascii: "/") { bytes.removeLast() }
        guard let slash = bytes.lastIndex(of: UInt8(ascii: "/")) else { return LocalPath(Array(".".utf8)) }
        return LocalPath(slash == 0 ? [UInt8(ascii: "/")] : Array(bytes[..<slash]))
    }

    /// The path of `name` in this directory.
    package func appending(_ name: [UInt8]) -> LocalPath {
        LocalPath(self.isDirectory ? self.bytes + name : self.bytes + [UInt8(ascii: "/")] + name)
    }
}

extension LocalPath: CustomStringConvertible {
    /// Escaped.
    package var description: String { Escaping.escape(self.bytes) }
}
