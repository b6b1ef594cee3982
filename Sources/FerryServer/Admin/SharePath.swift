package import FerryErrors
import FerryFiles

/// The rules for a directory that is to be a share.
package enum SharePath {
    /// Checks a share's directory and makes its path absolute.
    ///
    /// - Parameters:
    ///   - path: The directory as the administrator wrote it; it may be relative and lead through links.
    ///   - state: The state directory, which no share may hold or lie in: whoever may read or write such a share could
    ///     take over the daemon.
    /// - Returns: The path without links and dots.
    /// - Throws: `.notFound` or `.notADirectory` if it is no directory, `.denied` if it and the state directory overlap.
    package static func check(_ path: String, state: String) throws(FerryError) -> String {
        let share = try Directories.resolve(path)
        guard try Directories.info(share).kind == .directory else {
            throw FerryError(.notADirectory, "\(Escaping.escape(path)) is not a directory")
        }
        return try self.apart(share, state)
    }

    /// The same for a directory that may not exist yet.
    ///
    /// - Parameters:
    ///   - path: The directory as the administrator wrote it.
    ///   - state: The state directory.
    /// - Returns: The path without links and dots.
    /// - Throws: `.denied` if it and the state directory overlap.
    package static func checkNew(_ path: String, state: String) throws(FerryError) -> String {
        try self.apart(self.resolveMissing(path), state)
    }

    private static func apart(_ share: String, _ state: String) throws(FerryError) -> String {
        let state = try self.resolveMissing(state)
        guard !self.isSame(or: share, above: state), !self.isSame(or: state, above: share) else {
            throw FerryError(
                .denied,
                "\(Escaping.escape(share)) overlaps with the state directory \(Escaping.escape(state))",
                remedy: "share a directory beside it"
            )
        }
        return share
    }

    /// Resolves a path whose last components may not exist yet.
    private static func resolveMissing(_ path: String) throws(FerryError) -> String {
        var head = path[...]
        var tail = ""
        while true {
            do { return try Directories.resolve(head.isEmpty ? "." : String(head)) + tail } catch {
                guard error.code == .notFound, !head.isEmpty else { throw error }
            }
            while head.last == "/" { head.removeLast() }
            let slash = head.lastIndex(of: "/")
            tail = "/" + head[(slash.map(head.index(after:)) ?? head.startIndex)...] + tail
            head = slash.map { $0 == head.startIndex ? "/" : head[..<$0] } ?? ""
        }
    }

    private static func isSame(or upper: String, above lower: String) -> Bool {
        upper == lower || lower.hasPrefix(upper.hasSuffix("/") ? upper : upper + "/")
    }
}
