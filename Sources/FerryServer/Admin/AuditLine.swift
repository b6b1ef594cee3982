import FerryErrors

/// Who sent an admin request.
package enum AdminActor: Hashable, Sendable {
    /// The process at the other end of the admin socket, as the kernel names it.
    case peer(user: UInt32, process: Int32)
    /// This process, working on a state directory that no daemon serves.
    case local(user: UInt32, process: Int32)
}

extension AdminActor: CustomStringConvertible {
    package var description: String {
        switch self {
        case .peer(let user, let process): "uid:\(user)/pid:\(process)"
        case .local(let user, let process): "local/uid:\(user)/pid:\(process)"
        }
    }
}

/// One line that says who changed what and how it ended, in `key=value` words for people and for filters.
///
/// Secrets are not among the values, and a value cannot break out of its place.
struct AuditLine {
    private(set) var text: String

    init(_ actor: AdminActor, _ action: String) {
        self.text = "admin by=\(actor) action=\(action)"
    }

    mutating func add(_ key: String, _ value: some CustomStringConvertible) {
        let value = value.description
        let isPlain = !value.isEmpty && value.utf8.allSatisfy(Self.isPlain)
        self.text += " \(key)="
        self.text += isPlain ? value : "\"\(Escaping.escape(value).replacing("\"", with: "\\\""))\""
    }

    private static func isPlain(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default: "._-/:,+@".utf8.contains(byte)
        }
    }
}
