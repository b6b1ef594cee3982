/// Directories of the user's own, as the XDG Base Directory Specification has them.
package enum UserDirectory: Sendable {
    /// What the user has set.
    case config
    /// What only saves time, and may be removed whenever nothing runs.
    case cache

    private var variables: (own: String, general: String, inHome: String) {
        switch self {
        case .config: ("FERRY_CONFIG_DIR", "XDG_CONFIG_HOME", ".config")
        case .cache: ("FERRY_CACHE_DIR", "XDG_CACHE_HOME", ".cache")
        }
    }

    /// Where it is: what `$FERRY_CONFIG_DIR` says, else `$XDG_CONFIG_HOME/ferry`, else `~/.config/ferry`; or the same of the cache.
    ///
    /// - Parameter environment: the process's; empty variables count as not set.
    /// - Returns: a directory, whether it exists or not; nil if nothing says where.
    package func path(environment: [String: String]) -> String? {
        let value: (String) -> String? = { name in environment[name].flatMap { $0.isEmpty ? nil : $0 } }
        // The specification says to ignore relative paths.
        let absolute: (String) -> String? = { name in value(name).flatMap { $0.hasPrefix("/") ? $0 : nil } }
        let (own, general, inHome) = self.variables
        return value(own) ?? absolute(general).map { $0 + "/ferry" } ?? absolute("HOME").map { "\($0)/\(inHome)/ferry" }
    }
}
