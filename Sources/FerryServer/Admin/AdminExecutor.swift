package import FerryCatalog
import FerryErrors

/// Performs admin requests on a catalog; the same for a daemon and for a command that works without one.
package struct AdminExecutor: Sendable {
    /// What a request led to.
    package struct Outcome: Sendable {
        package let response: AdminResponse
        /// One line for the log, if the request was to change something, whether it succeeded or not.
        package let audit: String?
    }

    let catalog: Catalog
    private let sessions: (any LiveSessions)?
    private let rates: UserRates?
    let repositories: Repositories
    private let fingerprint: @Sendable () throws -> String
    private let status: @Sendable () throws -> DaemonStatus
    private let reload: @Sendable () throws -> ReloadReport

    /// - Parameters:
    ///   - catalog: The accounts.
    ///   - sessions: The connections that revocations end; nil without a daemon.
    ///   - rates: Of the users' connections; nil without a daemon.
    ///   - repositories: Those that are open.
    ///   - fingerprint: The text form of the certificate's fingerprint.
    ///   - status: How the daemon is.
    ///   - reload: Has the daemon read its configuration again.
    package init(
        catalog: Catalog,
        sessions: (any LiveSessions)?,
        rates: UserRates? = nil,
        repositories: Repositories = Repositories(),
        fingerprint: @escaping @Sendable () throws -> String,
        status: @escaping @Sendable () throws -> DaemonStatus,
        reload: @escaping @Sendable () throws -> ReloadReport
    ) {
        self.catalog = catalog
        self.sessions = sessions
        self.rates = rates
        self.repositories = repositories
        self.fingerprint = fingerprint
        self.status = status
        self.reload = reload
    }

    /// Performs one request and ends the sessions that it revokes. Blocks on the catalog.
    ///
    /// - Parameters:
    ///   - request: What is asked.
    ///   - actor: Who asks, for the audit line.
    /// - Returns: The response, a failure included, and the audit line.
    package func perform(_ request: AdminRequest, by actor: AdminActor) -> Outcome {
        var audit = Self.auditLine(request, actor)
        let response: AdminResponse
        do {
            response = try self.answer(request, &audit)
            audit?.add("result", "ok")
        } catch {
            let error = error as? FerryError ?? FerryError(.internalError, "\(error)", cause: error)
            response = .failure(error)
            audit?.add("result", error.code.rawValue)
        }
        return Outcome(response: response, audit: audit?.text)
    }

    private func answer(
        _ request: AdminRequest,
        _ audit: inout AuditLine?
    ) throws -> AdminResponse {
        switch request {
        case .ping: return .done
        case .status: return .status(try self.status())
        case .fingerprint: return .fingerprint(text: try self.fingerprint())
        case .reload: return .reloaded(try self.reload())
        case .shareAdd(let share):
            try self.catalog.addShare(share.name, path: share.path, readOnly: share.readOnly)
            return .done
        case .shareRemove(let name):
            for user in try self.catalog.removeShare(name) { self.sessions?.end(user: user, .grant) }
            return .done
        case .shareList: return .shares(list: try self.catalog.shares().filter { !$0.isRepository })
        case .repositoryList: return .shares(list: try self.catalog.shares().filter(\.isRepository))
        case .repositoryAdd(let name, let path):
            try self.addRepository(name, path)
            return .done
        case .repositoryRemove(let name):
            for user in try self.catalog.removeShare(name, isRepository: true) {
                self.sessions?.end(user: user, .grant)
            }
            self.repositories.close(name)
            return .done
        case .repositoryVerify(let name, let percent): return .verified(try self.verify(name, percent: percent))
        case .repositoryStatistics(let name): return .statistics(try self.statistics(name))
        case .repositoryRebuildIndex(let name):
            try self.rebuildIndex(name)
            return .done
        case .userAdd(let user, let grants, let tokenName, let expires):
            // First, so that a certificate that cannot be read leaves no user whose secret nobody saw.
            let fingerprint = try self.fingerprint()
            let token = try self.catalog.addUser(user, grants: grants, tokenName: tokenName, expires: expires)
            if let token { audit?.add("token", token.id) }
            return .issued(token: token, fingerprint: fingerprint)
        case .userLimit(let user, let rate):
            try self.catalog.setRate(rate, of: user)
            // Running transfers follow at once.
            try self.rates?.limiter(of: user)
            return .done
        case .userRemove(let user):
            try self.catalog.removeUser(user)
            self.sessions?.end(user: user, .login)
            return .done
        case .userList: return .users(list: try self.catalog.users())
        case .tokenAdd(let user, let tokenName, let expires):
            let fingerprint = try self.fingerprint()
            let token = try self.catalog.addToken(user: user, name: tokenName, expires: expires)
            audit?.add("token", token.id)
            return .issued(token: token, fingerprint: fingerprint)
        case .tokenRemove(let user, let token):
            let id = try self.catalog.removeToken(user: user, token: token)
            audit?.add("token", id)
            self.sessions?.end(tokens: [id])
            return .done
        case .tokenList(let user): return .tokens(list: try self.catalog.tokens(user: user))
        case .grant(let user, let share, let rights):
            try self.catalog.grant(user: user, share: share, rights: rights)
            return .done
        case .revoke(let user, let share, let rights):
            let left = try self.catalog.revoke(user: user, share: share, rights: rights)
            self.sessions?.end(user: user, .grant)
            return .rights(left: left)
        }
    }

    /// The line for a request that changes something, as far as it is known beforehand.
    private static func auditLine(_ request: AdminRequest, _ actor: AdminActor) -> AuditLine? {
        var line: AuditLine
        switch request {
        case .ping, .status, .fingerprint, .shareList, .repositoryList, .repositoryStatistics, .userList, .tokenList:
            return nil
        case .reload: line = AuditLine(actor, "reload")
        case .shareAdd(let share):
            line = AuditLine(actor, "share-add")
            line.add("share", share.name)
            line.add("path", share.path)
            line.add("read-only", share.readOnly)
        case .shareRemove(let name):
            line = AuditLine(actor, "share-remove")
            line.add("share", name)
        case .repositoryAdd(let name, let path):
            line = AuditLine(actor, "repository-add")
            line.add("repository", name)
            line.add("path", path)
        case .repositoryRemove(let name):
            line = AuditLine(actor, "repository-remove")
            line.add("repository", name)
        case .repositoryVerify(let name, let percent):
            line = AuditLine(actor, "repository-verify")
            line.add("repository", name)
            line.add("percent", percent ?? 0)
        case .repositoryRebuildIndex(let name):
            line = AuditLine(actor, "repository-rebuild-index")
            line.add("repository", name)
        case .userAdd(let user, let grants, let tokenName, let expires):
            line = AuditLine(actor, "user-add")
            line.add("user", user)
            for grant in grants { line.add("grant", "\(grant.share):\(grant.rights)") }
            line.add("token-name", tokenName)
            if let expires { line.add("expires", expires) }
        case .userLimit(let user, let rate):
            line = AuditLine(actor, "user-limit")
            line.add("user", user)
            line.add("rate", rate.map { "\($0)" } ?? "none")
        case .userRemove(let user):
            line = AuditLine(actor, "user-remove")
            line.add("user", user)
        case .tokenAdd(let user, let tokenName, let expires):
            line = AuditLine(actor, "token-add")
            line.add("user", user)
            line.add("token-name", tokenName)
            if let expires { line.add("expires", expires) }
        case .tokenRemove(let user, _):
            // Only what was removed is named: someone may have typed a secret.
            line = AuditLine(actor, "token-remove")
            line.add("user", user)
        case .grant(let user, let share, let rights):
            line = AuditLine(actor, "grant")
            line.add("user", user)
            line.add("grant", "\(share):\(rights)")
        case .revoke(let user, let share, let rights):
            line = AuditLine(actor, "revoke")
            line.add("user", user)
            line.add("grant", "\(share):\(rights)")
        }
        return line
    }
}
