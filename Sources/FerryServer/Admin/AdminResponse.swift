package import FerryCatalog
package import FerryErrors

/// What came of an ``AdminRequest``.
package enum AdminResponse: Codable, Sendable {
    /// It is done, and there is nothing to show.
    case done
    case shares(list: [ShareRecord])
    case users(list: [UserRecord])
    case tokens(list: [TokenRecord])
    /// A new token and the certificate's fingerprint, which together make a login link. `token` is nil if the user
    /// existed and so got none.
    case issued(token: IssuedToken?, fingerprint: String)
    /// Rights that are left.
    case rights(left: Rights)
    case fingerprint(text: String)
    case status(DaemonStatus)
    case verified(VerifyOutcome)
    case statistics(RepositoryFacts)
    case reloaded(ReloadReport)
    case failure(AdminFailure)

    /// A ``FerryErrors/FerryError`` as a response.
    package static func failure(_ error: FerryError) -> AdminResponse { .failure(AdminFailure(error)) }
}

/// A ``FerryErrors/FerryError`` as it travels.
package struct AdminFailure: Codable, Sendable {
    package let code: String
    package let message: String
    package let remedy: String?

    init(_ error: FerryError) {
        self.code = error.code.rawValue
        self.message = error.message
        self.remedy = error.remedy
    }

    /// The error again.
    package var error: FerryError {
        FerryError(FerryError.Code(rawValue: self.code), self.message, remedy: self.remedy)
    }
}

/// How a running daemon is.
package struct DaemonStatus: Hashable, Codable, Sendable {
    package let version: String
    /// Addresses that are listened on.
    package let listeners: [String]
    /// The first port that clients with a login link can use; nil if there is none.
    package let port: Int?
    /// Open connections.
    package let sessions: Int
    /// Seconds since it was ready.
    package let uptime: Int64
    /// Whether it was told to stop: it takes no connections, and lets running transfers finish.
    package let stopping: Bool

    package init(version: String, listeners: [String], port: Int?, sessions: Int, uptime: Int64, stopping: Bool) {
        self.version = version
        self.listeners = listeners
        self.port = port
        self.sessions = sessions
        self.uptime = uptime
        self.stopping = stopping
    }

    package init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: CodingKeys.self)
        self.version = try fields.decode(String.self, forKey: .version)
        self.listeners = try fields.decode([String].self, forKey: .listeners)
        self.port = try fields.decodeIfPresent(Int.self, forKey: .port)
        self.sessions = try fields.decode(Int.self, forKey: .sessions)
        self.uptime = try fields.decode(Int64.self, forKey: .uptime)
        // A daemon that has not been restarted since an upgrade does not say it.
        self.stopping = try fields.decodeIfPresent(Bool.self, forKey: .stopping) ?? false
    }
}
