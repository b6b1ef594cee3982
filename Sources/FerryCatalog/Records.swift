/// What a user may do in a share or a repository.
package struct Rights: OptionSet, Hashable, Sendable {
    package let rawValue: Int64

    package init(rawValue: Int64) { self.rawValue = rawValue }

    /// List, stat and pull; of a repository, list and restore everybody's snapshots.
    package static let read = Rights(rawValue: 1)
    /// Push, remove and make directories.
    package static let write = Rights(rawValue: 2)
    /// Back up into a repository, and list and restore one's own snapshots.
    package static let append = Rights(rawValue: 4)
    /// Everything that can be granted on a share.
    package static let all: Rights = [.read, .write]
    /// Everything that can be granted on a repository.
    package static let ofRepositories: Rights = [.read, .write, .append]
}

extension Rights: Codable {
    private static let words = ["read": Rights.read, "write": Rights.write, "append": Rights.append]

    /// Reads a list of words: `read`, `write`, `append`. Another word is an error, for it may be a right that is meant to limit.
    package init(from decoder: any Decoder) throws {
        self = []
        for word in try [String](from: decoder) {
            guard let right = Self.words[word] else {
                let problem = DecodingError.Context(codingPath: decoder.codingPath, debugDescription: "unknown right")
                throw DecodingError.dataCorrupted(problem)
            }
            self.insert(right)
        }
    }

    /// Writes a list of words.
    package func encode(to encoder: any Encoder) throws {
        try Self.words.filter { self.contains($0.value) }.map(\.key).sorted().encode(to: encoder)
    }
}

extension Rights: CustomStringConvertible {
    /// The words with commas between them, or `none`.
    package var description: String {
        var words: [String] = []
        if self.contains(.read) { words.append("read") }
        if self.contains(.write) { words.append("write") }
        if self.contains(.append) { words.append("append") }
        return words.isEmpty ? "none" : words.joined(separator: ",")
    }
}

/// A directory that the daemon serves: a share, or a repository.
package struct ShareRecord: Hashable, Codable, Sendable {
    package let name: Name
    /// Absolute.
    package let path: String
    /// Whether writes are refused whatever is granted.
    package let readOnly: Bool
    /// Whether it is a repository, the files of which nobody but the daemon reads.
    package let isRepository: Bool

    package init(name: Name, path: String, readOnly: Bool, isRepository: Bool = false) {
        self.name = name
        self.path = path
        self.readOnly = readOnly
        self.isRepository = isRepository
    }

    package init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: CodingKeys.self)
        self.name = try fields.decode(Name.self, forKey: .name)
        self.path = try fields.decode(String.self, forKey: .path)
        self.readOnly = try fields.decode(Bool.self, forKey: .readOnly)
        // A daemon that has not been restarted since an upgrade does not say it.
        self.isRepository = try fields.decodeIfPresent(Bool.self, forKey: .isRepository) ?? false
    }
}

/// What one user may do in one share; never empty.
package struct GrantRecord: Hashable, Codable, Sendable {
    package let share: Name
    package let rights: Rights

    package init(share: Name, rights: Rights) {
        self.share = share
        self.rights = rights
    }
}

/// A user and the user's grants, in the order of the shares' names.
package struct UserRecord: Hashable, Codable, Sendable {
    package let name: Name
    /// Unix seconds.
    package let created: Int64
    package let grants: [GrantRecord]
    /// Bytes per second, each way, of all the user's connections; nil for no limit.
    package let rate: Int?

    package init(name: Name, created: Int64, grants: [GrantRecord], rate: Int? = nil) {
        self.name = name
        self.created = created
        self.grants = grants
        self.rate = rate
    }
}

/// What is known of one device's token; the secret is not among it.
package struct TokenRecord: Hashable, Codable, Sendable {
    /// Short and unique in the catalog.
    package let id: String
    package let user: Name
    /// A label, unique among the user's tokens.
    package let name: String
    /// Unix seconds.
    package let created: Int64
    /// Unix seconds, at most a minute behind; nil if it was never used.
    package let lastUsed: Int64?
    /// Unix seconds from which on the token is refused; nil if it does not expire.
    package let expires: Int64?

    package init(id: String, user: Name, name: String, created: Int64, lastUsed: Int64? = nil, expires: Int64? = nil) {
        self.id = id
        self.user = user
        self.name = name
        self.created = created
        self.lastUsed = lastUsed
        self.expires = expires
    }
}

/// A token as it is made: the only place where its secret is ever shown.
package struct IssuedToken: Codable, Sendable {
    package let id: String
    package let name: String
    /// `ferry_` and 43 characters of base64url: 256 random bits.
    package let secret: String

    package init(id: String, name: String, secret: String) {
        self.id = id
        self.name = name
        self.secret = secret
    }
}

extension IssuedToken: CustomStringConvertible, CustomDebugStringConvertible {
    /// Without the secret, so that none reaches a log by accident.
    package var description: String { "token \(self.id)" }
    package var debugDescription: String { self.description }
}

/// Who a connection authenticated as.
package struct Identity: Hashable, Sendable {
    package let user: Name
    package let tokenID: String
    package let tokenName: String
    /// Unix seconds from which on the token is refused; nil for never.
    package let expires: Int64?

    package init(user: Name, tokenID: String, tokenName: String, expires: Int64? = nil) {
        self.user = user
        self.tokenID = tokenID
        self.tokenName = tokenName
        self.expires = expires
    }
}
