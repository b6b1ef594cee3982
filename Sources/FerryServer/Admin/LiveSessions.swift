package import FerryCatalog

/// The connections that a change of accounts must end. Calls return at once; the sessions end soon after.
package protocol LiveSessions: Sendable {
    /// Ends the sessions of these tokens.
    ///
    /// - Parameter tokens: Ids of tokens.
    func end(tokens: Set<String>)

    /// Ends all sessions of a user.
    ///
    /// - Parameters:
    ///   - user: The user's name.
    ///   - loss: What the user lost, which they are told.
    func end(user: Name, _ loss: Loss)
}

/// What a change of accounts takes from a user.
package enum Loss: Sendable { case login, grant }
