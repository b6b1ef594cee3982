/// Where the client keeps what only saves time, and may be removed whenever nothing runs.
package enum CachePath {
    /// `$FERRY_CACHE_DIR`, else `$XDG_CACHE_HOME/ferry`, else `~/.cache/ferry`.
    ///
    /// - Parameter environment: the process's; empty variables count as not set.
    /// - Returns: a directory, whether it exists or not; nil if nothing says where.
    package static func find(environment: [String: String]) -> String? {
        let value: (String) -> String? = { name in environment[name].flatMap { $0.isEmpty ? nil : $0 } }
        // The XDG specification says to ignore relative paths.
        let absolute: (String) -> String? = { name in value(name).flatMap { $0.hasPrefix("/") ? $0 : nil } }
        return value("FERRY_CACHE_DIR") ?? absolute("XDG_CACHE_HOME").map { $0 + "/ferry" }
            ?? absolute("HOME").map { $0 + "/.cache/ferry" }
    }
}
