import ArgumentParser
package import FerryErrors

/// How `ferry` and `ferryd` end. The numbers are fixed: scripts rely on them.
package enum ExitStatus: Int32, Sendable, CaseIterable {
    /// Everything that was asked for is done and durable.
    case done = 0
    /// It failed on this machine.
    case failed = 1
    /// A part was done; what was not is named, one line each.
    case partial = 3
    /// The login or the pinned certificate was refused.
    case authentication = 4
    /// The peer could not be reached, was lost, or stopped talking sense.
    case connection = 5
    /// The peer refused, or failed at its own end.
    case refused = 6
    /// Bytes are not what their digest says.
    case integrity = 7
    /// More would be deleted than `--max-delete` allows: nothing was deleted, the rest is done.
    case tooManyDeletions = 8
    /// The command line or the configuration is wrong; also what the argument parser ends with (EX_USAGE).
    case usage = 64
    /// It was interrupted: 128 and SIGINT, as shells count.
    case cancelled = 130

    /// The status for an error that ends a command.
    ///
    /// - Parameter error: whatever was thrown; what is no ``FerryError`` counts as failed here.
    package init(_ error: any Error) {
        switch error {
        case let error as FerryError: self.init(error.code, error.origin)
        case is CancellationError: self = .cancelled
        case is ValidationError: self = .usage
        default: self = .failed
        }
    }

    /// The status for a reason and the side it belongs to.
    ///
    /// - Parameters:
    ///   - code: the reason; one that this version does not know counts like `internal`.
    ///   - origin: the side.
    package init(_ code: FerryError.Code, _ origin: FerryError.Origin) {
        switch (code, origin) {
        // These say for themselves where they belong.
        case (.authentication, _), (.wrongPin, _): self = .authentication
        case (.connection, _), (.timeout, _), (.shuttingDown, _), (.violation, _), (.limit, .local): self = .connection
        case (.integrity, _): self = .integrity
        case (.tooManyDeletions, _): self = .tooManyDeletions
        case (.cancelled, .local): self = .cancelled
        // The peer gave up on us; nobody pressed a key here.
        case (.cancelled, .remote): self = .connection
        case (.usage, .local), (.configuration, .local), (.invalidPath, .local): self = .usage
        case (_, .remote): self = .refused
        case (_, .local): self = .failed
        }
    }

    /// What it means, in one line.
    package var meaning: String {
        switch self {
        case .done: "everything that was asked for is done and durable"
        case .failed: "failed on this machine: a local file, a full disk, an error in the program"
        case .partial: "a part is done and durable; each file that is not is named"
        case .authentication: "the login was refused, or the server's certificate is not the pinned one"
        case .connection: "the peer could not be reached, was lost, timed out, is shutting down or broke the protocol"
        case .refused: "the peer refused or failed: not found, no grant, read-only, busy, no space there"
        case .integrity: "data or digests differ between the two ends"
        case .tooManyDeletions: "more would be deleted than --max-delete allows: nothing was deleted; all else is done"
        case .usage: "the command line or the configuration is wrong; nothing was done"
        case .cancelled: "cancelled from the keyboard or by a signal; nothing is half"
        }
    }

    /// The table of `Docs/exit-codes.md`, in Markdown.
    package static var markdown: String {
        let rows = self.allCases.map { "| \($0.rawValue) | \($0.meaning) |" }
        return (["| code | meaning |", "|---|---|"] + rows).joined(separator: "\n") + "\n"
    }
}
