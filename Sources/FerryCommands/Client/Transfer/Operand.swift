package import FerryClient
package import FerryErrors

/// An argument of push or pull, told apart by scp's rule.
package enum Operand: Sendable, Hashable {
    /// `-`
    case stream
    case local(LocalPath)
    case remote(RemotePath)

    /// Parses an argument.
    ///
    /// - Parameter text: as the parser returned it, see ``RawArguments``.
    /// - Throws: as ``CommandPath/init(_:)`` does.
    package init(_ text: String) throws(FerryError) {
        if text == "-" {
            self = .stream
            return
        }
        let bytes = RawArguments.bytes(text)
        if String(validating: bytes, as: UTF8.self) == nil {
            self = if let path = try RemotePath.parse(bytes) { .remote(path) } else { .local(LocalPath(bytes)) }
            return
        }
        switch try CommandPath(text) {
        case .local: self = .local(LocalPath(bytes))
        case .remote(let path): self = .remote(path)
        }
    }

    /// Parses what must be a place on a server.
    ///
    /// - Parameter text: as the parser returned it.
    /// - Returns: The place.
    /// - Throws: `.usage` for a local path, and as ``init(_:)`` does.
    package static func remote(_ text: String) throws(FerryError) -> RemotePath {
        if case .remote(let path) = try Operand(text) { return path }
        throw FerryError(
            .usage,
            "`\(RawArguments.shown(text))` is a local path",
            remedy: "name a place on a server, as in `nas:inbox/file`"
        )
    }
}
