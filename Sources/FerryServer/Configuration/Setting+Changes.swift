extension Setting {
    /// What a daemon takes over only when it starts.
    private static let fixed: Set<String> = ["listen", "listen_plain", "backlog", "threads.files"]

    /// Whether a change counts only after a restart.
    package var needsRestart: Bool { Self.fixed.contains(self.path) }

    /// What differs between two sets of settings, in the table's order.
    static func changes(from old: Settings, to new: Settings) -> [Setting] {
        self.all.filter { $0.texts(in: old) != $0.texts(in: new) }
    }

    /// The setting and its value, for a line of a log: `limits.connections=3`.
    func line(in settings: Settings) -> String {
        let texts = self.texts(in: settings)
        return "\(self.path)=\(texts.isEmpty ? "none" : texts.joined(separator: ","))"
    }
}
