/// What came of reading the configuration again.
package struct ReloadReport: Hashable, Codable, Sendable {
    /// Settings that changed, with the values that count from now on, such as `limits.connections=3`.
    package let changed: [String]
    /// Settings that changed and count only after a restart, with the values that were read.
    package let needRestart: [String]
    /// The fingerprint of the certificate, if it is another one now.
    package let fingerprint: String?

    package init(changed: [String], needRestart: [String], fingerprint: String?) {
        self.changed = changed
        self.needRestart = needRestart
        self.fingerprint = fingerprint
    }
}
