package import FerryErrors

/// The name of a share or a user: `[a-z0-9][a-z0-9._-]*`, at most 64 bytes.
///
/// Such a name needs no escaping in a path, a log line or a shell, and cannot be `.` or `..`.
package struct Name: Hashable, Sendable {
    /// The most bytes that a name may have.
    package static let maximumLength = 64

    /// The name as text.
    package let text: String

    /// Checks `text`.
    ///
    /// - Parameter text: The name as a user or a peer wrote it.
    /// - Throws: ``FerryErrors/FerryError`` with `.usage` if it is not a name.
    package init(_ text: String) throws(FerryError) {
        guard Self.isValid(text) else {
            throw FerryError(
                .usage,
                "'\(Escaping.escape(String(text.prefix(Self.maximumLength))))' is not a name",
                remedy:
                    "use 1 to \(Self.maximumLength) of a-z, 0-9, '.', '_' and '-', starting with a letter or a digit"
            )
        }
        self.text = text
    }

    /// A name that the catalog itself stored, checked when it was added.
    init(stored text: String) { self.text = text }

    private static func isValid(_ text: String) -> Bool {
        guard (1...self.maximumLength).contains(text.utf8.count) else { return false }
        for (index, byte) in text.utf8.enumerated() {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"): continue
            case UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"): if index == 0 { return false }
            default: return false
            }
        }
        return true
    }
}

extension Name: CustomStringConvertible {
    package var description: String { self.text }
}

extension Name: Comparable {
    package static func < (left: Name, right: Name) -> Bool { left.text < right.text }
}

extension Name: Codable {
    /// Decodes a plain string and checks it as ``init(_:)`` does.
    package init(from decoder: any Decoder) throws {
        try self.init(String(from: decoder))
    }

    /// Encodes the name as a plain string.
    package func encode(to encoder: any Encoder) throws { try self.text.encode(to: encoder) }
}
