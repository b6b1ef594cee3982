import FerryErrors
package import FerryTransfer

/// A change of a tree as a line: `changed  a/b (size, time)`.
package enum ChangeText {
    private static let names: [(TreeChange.Reasons, String)] = [
        (.kind, "kind"), (.size, "size"), (.time, "time"), (.content, "content"), (.target, "target"), (.mode, "mode"),
        (.owner, "owner"), (.attributes, "attributes"),
    ]

    static func reasons(_ change: TreeChange) -> [String] { self.reasons(change.reasons) }

    static func reasons(_ reasons: TreeChange.Reasons) -> [String] {
        self.names.filter { reasons.contains($0.0) }.map(\.1)
    }

    /// - Parameters:
    ///   - change: a change, or what a change would be.
    ///   - isVerification: whether the two sides are only compared.
    /// - Returns: what it is called.
    static func kind(_ change: TreeChange, isVerification: Bool) -> String {
        switch change.kind {
        case .new: isVerification ? "missing" : "new"
        case .changed: isVerification ? "differs" : "changed"
        case .deleted: isVerification ? "extra" : "deleted"
        }
    }

    /// - Parameters:
    ///   - change: a change, or what a change would be.
    ///   - isVerification: whether the two sides are only compared.
    /// - Returns: the line, escaped.
    package static func line(_ change: TreeChange, isVerification: Bool) -> String {
        let kind = self.kind(change, isVerification: isVerification).padding(8)
        let reasons = self.reasons(change)
        let why = reasons.isEmpty ? "" : " (\(reasons.joined(separator: ", ")))"
        return "\(kind) \(Escaping.escape(change.path))\(change.isDirectory ? "/" : "")\(why)"
    }
}

extension String {
    fileprivate func padding(_ columns: Int) -> String {
        self + String(repeating: " ", count: max(0, columns - self.utf8.count))
    }
}
