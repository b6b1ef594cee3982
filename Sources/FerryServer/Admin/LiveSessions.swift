package import FerryCatalog

/// The connections that a change of accounts must end. Calls return at once; the sessions end soon after.
package protocol LiveSessions: Sendable {
    /// Ends the sessions of these tokens.
    ///
    /// - Parameter tokens: Ids of tokens.
    func end(tokens: Set<String>)

    /// Ends all sessions of a user.
    ///
    /// - Parameter user: The user's name.
    func end(user: Name)
}
