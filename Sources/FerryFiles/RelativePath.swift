package import FerryErrors

/// A checked path below a root: components of bytes, separated by single slashes, with no way up and none to our own
/// files. Names need not be UTF-8; they are escaped when shown.
package struct RelativePath: Sendable, Hashable {
    /// Bytes of one component, as every Linux file system limits them.
    package static let maximumComponentLength = 255
    /// Bytes of a whole path: Linux's PATH_MAX without the NUL.
    package static let maximumLength = 4095
    /// How names of partial files begin; such names cannot be addressed.
    package static let reservedPrefix: [UInt8] = Array(".ferry-part.".utf8)

    /// The root itself: the path without components.
    package static let root = RelativePath(unchecked: [])

    /// The path without slash at either end; empty for the root.
    package let bytes: [UInt8]

    private init(unchecked bytes: [UInt8]) { self.bytes = bytes }

    /// Checks `bytes`. One slash at the end is dropped.
    /// - Parameters:
    ///   - bytes: from a peer or a user.
    ///   - allowRoot: whether the empty path, which is the root itself, is good.
    /// - Throws: `invalidPath`.
    package init(_ bytes: some Sequence<UInt8>, allowRoot: Bool = false) throws(FerryError) {
        // One byte past the limit is enough to refuse; a longer sequence is not copied.
        var path = Array(bytes.prefix(Self.maximumLength + 2))
        guard path.first != UInt8(ascii: "/") else {
            throw Self.refused(path, "begins with a slash", remedy: "name it relative to the share")
        }
        if path.last == UInt8(ascii: "/") { path.removeLast() }
        guard path.count <= Self.maximumLength else {
            throw FerryError(.invalidPath, "a path is longer than \(Self.maximumLength) bytes")
        }
        if path.isEmpty {
            guard allowRoot else {
                throw FerryError(
                    .invalidPath,
                    "the path names the share itself",
                    remedy: "name something in it: SHARE/PATH"
                )
            }
        } else {
            for component in path.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false) {
                try Self.check(component, of: path)
            }
        }
        self.bytes = path
    }

    /// Checks the UTF-8 of `text`, as ``init(_:allowRoot:)-(Sequence<UInt8>,_)`` does.
    /// - Throws: `invalidPath`.
    package init(_ text: String, allowRoot: Bool = false) throws(FerryError) {
        try self.init(text.utf8, allowRoot: allowRoot)
    }

    package var isRoot: Bool { self.bytes.isEmpty }

    /// The components from the root on; none for the root.
    package var components: [[UInt8]] { self.bytes.split(separator: UInt8(ascii: "/")).map(Array.init) }

    /// The last component; nil for the root.
    package var lastComponent: [UInt8]? {
        self.bytes.split(separator: UInt8(ascii: "/")).last.map(Array.init)
    }

    /// The path without its last component; nil for the root.
    package var parent: RelativePath? {
        guard !self.isRoot else { return nil }
        guard let slash = self.bytes.lastIndex(of: UInt8(ascii: "/")) else { return .root }
        return RelativePath(unchecked: Array(self.bytes[..<slash]))
    }

    /// The path of `component` in this directory.
    /// - Throws: `invalidPath` if it is no single good component, or the whole gets too long.
    package func appending(_ component: some Sequence<UInt8>) throws(FerryError) -> RelativePath {
        let component = Array(component)
        guard !component.isEmpty, !component.contains(UInt8(ascii: "/")) else {
            throw FerryError(.invalidPath, "\"\(Escaping.escape(component))\" is no single name")
        }
        return try RelativePath(self.isRoot ? component : self.bytes + [UInt8(ascii: "/")] + component)
    }

    private static func check(_ component: ArraySlice<UInt8>, of path: [UInt8]) throws(FerryError) {
        let reason: String
        if component.isEmpty {
            reason = "has two slashes in a row"
        } else if component.elementsEqual(".".utf8) || component.elementsEqual("..".utf8) {
            reason = "has a component \"\(Escaping.escape(component))\""
        } else if component.contains(0) {
            reason = "contains a NUL byte"
        } else if component.count > Self.maximumComponentLength {
            reason = "has a component longer than \(Self.maximumComponentLength) bytes"
        } else if component.starts(with: Self.reservedPrefix) {
            reason = "has a component that begins with .ferry-part., which is kept for unfinished transfers"
        } else {
            return
        }
        throw Self.refused(path, reason)
    }

    private static func refused(_ path: [UInt8], _ reason: String, remedy: String? = nil) -> FerryError {
        FerryError(.invalidPath, "the path \(Escaping.escape(path)) \(reason)", remedy: remedy)
    }
}

extension RelativePath: CustomStringConvertible {
    /// Escaped for a terminal or a log; "." for the root.
    package var description: String { self.isRoot ? "." : Escaping.escape(self.bytes) }
}

extension RelativePath {
    /// For a call that takes a path below a directory.
    var cString: [CChar] { self.isRoot ? CString.dot : CString.make(self.bytes) }
}

/// Arrays that a call takes as C strings.
enum CString {
    static let dot: [CChar] = [CChar(bitPattern: UInt8(ascii: ".")), 0]
    /// The thing itself, where a call takes a name.
    static let none: [CChar] = [0]

    /// Bytes without NUL, with one at the end.
    static func make(_ bytes: some Collection<UInt8>) -> [CChar] {
        var string: [CChar] = []
        string.reserveCapacity(bytes.count + 1)
        for byte in bytes { string.append(CChar(bitPattern: byte)) }
        string.append(0)
        return string
    }

    /// A path of the machine's owner, which need not be UTF-8.
    /// - Throws: `invalidPath` if it is empty or contains NUL.
    static func make(path: some Collection<UInt8>) throws(FerryError) -> [CChar] {
        guard !path.isEmpty else { throw FerryError(.invalidPath, "the path is empty") }
        guard !path.contains(0) else {
            throw FerryError(.invalidPath, "the path \(Escaping.escape(path)) contains a NUL byte")
        }
        return Self.make(path)
    }

    static func make(path: String) throws(FerryError) -> [CChar] { try Self.make(path: path.utf8) }
}
