package import FerryErrors

/// Where the state directory is: the first of flag, `FERRY_STATE`, `$STATE_DIRECTORY` (set by systemd),
/// `/var/lib/ferry` for root or its owner, `$XDG_STATE_HOME/ferry`, and `~/.local/state/ferry`.
package enum StateLocation {
    /// The directory of a daemon that serves a whole machine.
    package static let system = "/var/lib/ferry"

    /// Finds the directory; whether it exists is not looked at.
    ///
    /// - Parameters:
    ///   - flag: What `--state` says, or nil.
    ///   - environment: The process's environment; empty variables count as unset.
    ///   - user: The effective user id.
    ///   - ownerOf: The user id that owns a path, or nil if there is none.
    /// - Returns: A path, relative only if the flag or `FERRY_STATE` is.
    /// - Throws: `.configuration` if nothing says where, `.usage` if the flag is empty.
    package static func resolve(
        flag: String?,
        environment: [String: String],
        user: UInt32,
        ownerOf: (String) -> UInt32?
    ) throws(FerryError) -> String {
        func variable(_ name: String) -> String? {
            environment[name].flatMap { $0.isEmpty ? nil : $0 }
        }
        func absolute(_ path: String?) -> String? {
            path.flatMap { $0.hasPrefix("/") ? $0 : nil }
        }
        if let flag {
            guard !flag.isEmpty else { throw FerryError(.usage, "--state is empty", remedy: "give a directory") }
            return flag
        }
        if let path = variable("FERRY_STATE") { return path }
        // A list if the unit names several directories.
        if let path = variable("STATE_DIRECTORY")?.split(separator: ":").first { return String(path) }
        if user == 0 || ownerOf(self.system) == user { return self.system }
        // The XDG specification says to ignore relative paths.
        if let path = absolute(variable("XDG_STATE_HOME")) { return path + "/ferry" }
        if let home = absolute(variable("HOME")) { return home + "/.local/state/ferry" }
        throw FerryError(
            .configuration,
            "nothing says where the state directory is: HOME is not set",
            remedy: "give --state DIR or set FERRY_STATE"
        )
    }
}
