import CBuild

/// What `--version` prints and what the peer's log shows.
package enum Version {
    /// The release.
    package static let number = "0.1.0"

    /// Release and commit, such as `0.1.0 (1a2b3c4d5e6f)`.
    package static var text: String {
        let commit = String(cString: ferry_commit())
        return "\(self.number) (\(commit.prefix(12)))"
    }
}
