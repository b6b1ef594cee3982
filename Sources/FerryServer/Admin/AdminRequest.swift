package import FerryCatalog

/// What an administrator asks of a daemon, or of a state directory without one.
package enum AdminRequest: Codable, Sendable {
    case ping
    case status
    case fingerprint
    case reload
    case shareAdd(share: ShareRecord)
    case shareRemove(name: Name)
    case shareList
    /// Makes a repository in a directory that is empty or not there, unless it is one already, and serves it.
    case repositoryAdd(name: Name, path: String)
    case repositoryRemove(name: Name)
    case repositoryList
    /// `percent` of its packs are read whole; nil for none.
    case repositoryVerify(name: Name, percent: Int?)
    case repositoryStatistics(name: Name)
    case repositoryRebuildIndex(name: Name)
    /// `expires` is in unix seconds and, like `tokenName`, of the first token.
    case userAdd(user: Name, grants: [GrantRecord], tokenName: String, expires: Int64?)
    /// `rate` is in bytes per second; nil for no limit.
    case userLimit(user: Name, rate: Int?)
    case userRemove(user: Name)
    case userList
    case tokenAdd(user: Name, tokenName: String, expires: Int64?)
    /// `token` is an id or a name.
    case tokenRemove(user: Name, token: String)
    case tokenList(user: Name?)
    case grant(user: Name, share: Name, rights: Rights)
    case revoke(user: Name, share: Name, rights: Rights)
}

extension AdminRequest {
    /// Whether it may take as long as reading a repository does.
    var isLong: Bool {
        switch self {
        case .repositoryVerify, .repositoryRebuildIndex, .repositoryStatistics: true
        default: false
        }
    }

    /// Whether it may be the first one to a state directory, and makes it. All else is about what is there.
    var mayMakeState: Bool {
        switch self {
        case .shareAdd, .repositoryAdd: true
        // There is nothing yet that a grant could be on.
        case .userAdd(_, let grants, _, _): grants.isEmpty
        default: false
        }
    }
}
