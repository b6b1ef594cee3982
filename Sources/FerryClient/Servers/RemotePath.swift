package import FerryErrors
package import FerryFiles
import FerryWire

/// A path on a server: `nas:inbox/2026/report.pdf`.
package struct RemotePath: Hashable, Sendable {
    /// The server's name, as in the book.
    package let server: String
    /// A share, or a repository.
    package let share: String
    /// Which snapshot of the repository, as it was written; nil for a share.
    package let snapshot: String?
    /// Beneath the share; the root if it is the share itself.
    package let path: RelativePath
    /// Whether it was written with a slash at its end, and so must be a directory.
    package let isDirectory: Bool

    /// Parses what stands on a command line where only a remote path makes sense.
    ///
    /// - Parameter text: `SERVER:SHARE/PATH`.
    /// - Throws: `.usage` if it is a local path or names no server or share, `.invalidPath` if the path leads out of
    ///   the share or is none.
    package init(_ text: String) throws(FerryError) {
        guard case .remote(let path) = try CommandPath(text) else {
            throw FerryError(
                .usage,
                "`\(Escaping.escape(text))` is a local path",
                remedy: "name a place on a server, as in `nas:inbox/file`"
            )
        }
        self = path
    }

    fileprivate init(server: Substring, rest: Substring, of text: String) throws(FerryError) {
        let shown = Escaping.escape(text)
        guard ServerEntry.isName(server) else {
            throw FerryError(
                .usage,
                "`\(shown)` names no server: what stands before the `:` is no server's name",
                remedy: "for a local file write `./` in front of it"
            )
        }
        let place = Substring(rest.utf8.prefix { $0 != UInt8(ascii: "/") })
        let share = Substring(place.utf8.prefix { $0 != UInt8(ascii: "@") })
        let snapshot = place.utf8[share.endIndex...].dropFirst()
        guard !share.isEmpty else {
            throw FerryError(
                .usage,
                "`\(shown)` names no share and no repository",
                remedy:
                    "write `\(server):SHARE/PATH` or `\(server):REPOSITORY@SNAPSHOT/PATH`, without a slash after the `:`"
            )
        }
        guard ServerEntry.isName(share) else {
            throw FerryError(
                .usage,
                "`\(shown)`: `\(Escaping.escape(String(share)))` is no share's name, nor a repository's",
                remedy: "they have names of a-z, 0-9, `.`, `_` and `-`"
            )
        }
        guard place.endIndex == share.endIndex || Self.isSnapshot(snapshot) else {
            throw FerryError(
                .usage,
                "`\(shown)`: `\(Escaping.escape(Array(snapshot)))` names no snapshot",
                remedy: "write @latest, @ and the beginning of an id, @2026-01-31 or @ and a tag"
            )
        }
        // What can be no tag either is known to be wrong before anything travels.
        let name = String(Substring(snapshot))
        guard !MomentText.isMeant(by: name) || MomentText.parse(name) != nil else {
            throw FerryError(
                .usage,
                "`\(shown)`: `\(Escaping.escape(name))` is no day or moment",
                remedy: "write \(MomentText.forms)"
            )
        }
        self.server = String(server)
        self.share = String(share)
        self.snapshot = place.endIndex == share.endIndex ? nil : String(Substring(snapshot))
        self.path = try RelativePath(rest.utf8[place.endIndex...].dropFirst(), allowRoot: true)
        self.isDirectory = rest.utf8.last == UInt8(ascii: "/")
    }
}

extension RemotePath {
    /// Bytes that a snapshot may be named by.
    private static let snapshotLimit = 128

    private static func isSnapshot(_ text: Substring.UTF8View.SubSequence) -> Bool {
        (1...self.snapshotLimit).contains(text.count)
            && text.allSatisfy { $0 > 0x20 && $0 != 0x7F && $0 != UInt8(ascii: "@") }
    }

    /// The share, or the repository and the snapshot.
    package var place: String { self.share + (self.snapshot.map { "@" + $0 } ?? "") }
}

extension RemotePath: CustomStringConvertible {
    /// As on a command line, escaped.
    package var description: String {
        "\(self.server):\(self.place)" + (self.path.isRoot ? "" : "/" + Escaping.escape(self.path.bytes))
    }
}

/// A path on a command line, by scp's rule: remote if a colon stands before the first slash, but not at the very
/// beginning; `./a:b` and `/a:b` are local.
package enum CommandPath: Hashable, Sendable {
    case local(String)
    case remote(RemotePath)

    /// Tells local from remote, and parses a remote one.
    ///
    /// - Parameter text: an argument.
    /// - Throws: `.usage` and `.invalidPath` as ``RemotePath/init(_:)`` does; `.usage` if it is empty.
    package init(_ text: String) throws(FerryError) {
        guard !text.isEmpty else {
            throw FerryError(.usage, "a path is empty", remedy: "write `.` for the current directory")
        }
        // Bytes, not characters: a combining mark after a colon or a slash would make another character of it.
        let server = Substring(text.utf8.prefix { $0 != UInt8(ascii: ":") && $0 != UInt8(ascii: "/") })
        let rest = text.utf8[server.endIndex...]
        guard rest.first == UInt8(ascii: ":"), !server.isEmpty else {
            self = .local(text)
            return
        }
        self = .remote(try RemotePath(server: server, rest: Substring(rest.dropFirst()), of: text))
    }
}
