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
    /// Whether it changes nothing in the state directory.
    var isReading: Bool {
        switch self {
        case .ping, .status, .fingerprint, .reload, .shareList, .userList, .tokenList: true
        case .shareAdd, .shareRemove, .userAdd, .userLimit, .userRemove, .tokenAdd, .tokenRemove, .grant, .revoke: false
        }
    }
}
