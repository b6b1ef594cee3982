/// The one error shape of the house: what failed, on what, why, and what to do next.
///
/// The code travels over the wire as its text, so codes may be added without breaking an older peer, which
/// treats one that it does not know like ``Code/internalError``.
package struct FerryError: Error, Sendable {
    /// A stable, machine-readable reason; kebab-case, never translated.
    package struct Code: Hashable, Sendable, RawRepresentable {
        package let rawValue: String

        package init(rawValue: String) { self.rawValue = rawValue }

        // Bad input by the caller.
        package static let usage = Code(rawValue: "usage")
        package static let invalidPath = Code(rawValue: "invalid-path")
        package static let configuration = Code(rawValue: "configuration")
        // Files.
        package static let notFound = Code(rawValue: "not-found")
        package static let exists = Code(rawValue: "exists")
        package static let notAFile = Code(rawValue: "not-a-file")
        package static let notADirectory = Code(rawValue: "not-a-directory")
        package static let notEmpty = Code(rawValue: "not-empty")
        package static let permission = Code(rawValue: "permission")
        package static let readOnly = Code(rawValue: "read-only")
        package static let noSpace = Code(rawValue: "no-space")
        package static let inputOutput = Code(rawValue: "io")
        package static let tooLarge = Code(rawValue: "too-large")
        package static let sourceChanged = Code(rawValue: "source-changed")
        package static let busy = Code(rawValue: "busy")
        package static let tooManyDeletions = Code(rawValue: "too-many-deletions")
        // Accounts and state.
        package static let authentication = Code(rawValue: "authentication")
        package static let denied = Code(rawValue: "denied")
        package static let locked = Code(rawValue: "locked")
        package static let newerState = Code(rawValue: "newer-state")
        package static let wrongPin = Code(rawValue: "wrong-pin")
        // The peer and the link.
        package static let violation = Code(rawValue: "protocol")
        package static let limit = Code(rawValue: "limit")
        package static let integrity = Code(rawValue: "integrity")
        package static let unsupported = Code(rawValue: "unsupported")
        package static let connection = Code(rawValue: "connection")
        package static let timeout = Code(rawValue: "timeout")
        package static let shuttingDown = Code(rawValue: "shutting-down")
        package static let cancelled = Code(rawValue: "cancelled")
        package static let internalError = Code(rawValue: "internal")
    }

    /// Which side the failure belongs to, so that source, peer and store errors are never mixed up.
    package enum Origin: Sendable { case local, remote }

    package var code: Code
    /// What failed, on what and why: one line, no trailing period, names already escaped.
    package var message: String
    /// What to do next, or nil if there is nothing useful to say.
    package var remedy: String?
    /// The error below this one, shown by `--verbose`.
    package var cause: (any Error)?
    package var origin: Origin
    /// Where it was thrown, shown by `--verbose`.
    package var location: String

    package init(
        _ code: Code,
        _ message: String,
        remedy: String? = nil,
        cause: (any Error)? = nil,
        origin: Origin = .local,
        file: StaticString = #fileID,
        line: UInt = #line
    ) {
        self.code = code
        self.message = message
        self.remedy = remedy
        self.cause = cause
        self.origin = origin
        self.location = "\(file):\(line)"
    }
}

extension FerryError: CustomStringConvertible {
    /// One line for a person: the message and the remedy.
    package var description: String {
        guard let remedy = self.remedy else { return self.message }
        return "\(self.message); \(remedy)"
    }

    /// Several lines for `--verbose`: code, place and the chain of causes.
    package var details: String {
        var text = "code \(self.code.rawValue) at \(self.location)"
        var next = self.cause
        while let cause = next {
            text += "\n  caused by: \(cause)"
            next = (cause as? FerryError)?.cause
        }
        return text
    }
}
