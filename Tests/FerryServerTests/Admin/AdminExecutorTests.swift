import FerryCatalog
import FerryErrors
import FerryServer
import Foundation
import Testing

@Suite struct AdminExecutorTests {
    private static let actor = AdminActor.peer(user: 1000, process: 42)
    private static let by = "admin by=uid:1000/pid:42 action="

    private let fixture: AdminFixture
    private let alice: Name
    private let inbox: Name

    init() throws {
        self.fixture = try AdminFixture()
        self.alice = try Name("alice")
        self.inbox = try Name("inbox")
    }

    private func perform(_ request: AdminRequest) -> AdminExecutor.Outcome {
        self.fixture.executor.perform(request, by: Self.actor)
    }

    private func addAliceToInbox() -> IssuedToken? {
        let share = ShareRecord(name: self.inbox, path: "/srv/in box", readOnly: false)
        _ = self.perform(.shareAdd(share: share))
        let grants = [GrantRecord(share: self.inbox, rights: .all)]
        let outcome = self.perform(.userAdd(user: self.alice, grants: grants, tokenName: "first", expires: nil))
        guard case .issued(let token, AdminFixture.fingerprint) = outcome.response else { return nil }
        return token
    }

    @Test func questionsAreAnsweredAndNotAudited() throws {
        _ = self.addAliceToInbox()
        let questions: [AdminRequest] = [
            .ping, .status, .fingerprint, .shareList, .userList, .tokenList(user: nil), .tokenList(user: self.alice),
        ]
        for question in questions {
            let outcome = self.perform(question)
            #expect(outcome.audit == nil)
            switch (question, outcome.response) {
            case (.ping, .done), (.fingerprint, .fingerprint(AdminFixture.fingerprint)): break
            case (.status, .status(let status)): #expect(status.sessions == 4)
            case (.shareList, .shares(let list)): #expect(list.map(\.name) == [self.inbox])
            case (.userList, .users(let list)):
                #expect(list.map(\.grants) == [[GrantRecord(share: self.inbox, rights: .all)]])
            case (.tokenList, .tokens(let list)): #expect(list.map(\.name) == ["first"])
            default: Issue.record("\(question) was answered \(outcome.response)")
            }
        }
        #expect(self.fixture.sessions.take() == [])
    }

    @Test func sharesAreAddedAndRemoved() throws {
        let share = ShareRecord(name: self.inbox, path: "/srv/in box", readOnly: true)
        let added = self.perform(.shareAdd(share: share))
        #expect(added.audit == Self.by + #"share-add share=inbox path="/srv/in box" read-only=true result=ok"#)
        #expect(try self.fixture.catalog.shares() == [share])
        let removed = self.perform(.shareRemove(name: self.inbox))
        #expect(removed.audit == Self.by + "share-remove share=inbox result=ok")
        #expect(try self.fixture.catalog.shares() == [])
        #expect(self.fixture.sessions.take() == [])
    }

    @Test func removingAShareEndsWhoHadAGrant() throws {
        _ = self.addAliceToInbox()
        _ = self.perform(.userAdd(user: try Name("bob"), grants: [], tokenName: "t", expires: nil))
        _ = self.perform(.shareRemove(name: self.inbox))
        #expect(self.fixture.sessions.take() == ["user alice grant"])
    }

    @Test func usersGetATokenOnce() throws {
        let token = try #require(self.addAliceToInbox())
        #expect(try self.fixture.catalog.authenticate(secret: token.secret)?.user == self.alice)
        let again = self.perform(.userAdd(user: self.alice, grants: [], tokenName: "first", expires: nil))
        guard case .issued(nil, _) = again.response else {
            Issue.record("answered \(again.response)")
            return
        }
        #expect(again.audit == Self.by + "user-add user=alice token-name=first result=ok")
    }

    @Test func auditNamesTheTokenAndNeverItsSecret() throws {
        let grants = [GrantRecord(share: self.inbox, rights: .all)]
        try self.fixture.catalog.addShare(self.inbox, path: "/srv")
        let expires: Int64 = 4_000_000_000
        let outcomes = [
            self.perform(.userAdd(user: self.alice, grants: grants, tokenName: "my phone", expires: expires)),
            self.perform(.tokenAdd(user: self.alice, tokenName: "laptop", expires: nil)),
        ]
        for outcome in outcomes {
            guard case .issued(let token?, _) = outcome.response else {
                Issue.record("answered \(outcome.response)")
                continue
            }
            #expect(outcome.audit?.contains(token.secret) == false)
            #expect(outcome.audit?.contains("token=\(token.id) ") == true)
            let removed = self.perform(.tokenRemove(user: self.alice, token: token.secret))
            #expect(removed.audit == Self.by + "token-remove user=alice result=not-found")
        }
        let expected = #"user-add user=alice grant=inbox:read,write token-name="my phone" expires=4000000000 token="#
        #expect(outcomes[0].audit?.hasPrefix(Self.by + expected) == true)
    }

    @Test func removingEndsSessions() throws {
        let token = try #require(self.addAliceToInbox())
        let removed = self.perform(.tokenRemove(user: self.alice, token: "first"))
        #expect(removed.audit == Self.by + "token-remove user=alice token=\(token.id) result=ok")
        #expect(self.fixture.sessions.take() == ["tokens [\"\(token.id)\"]"])
        let gone = self.perform(.userRemove(user: self.alice))
        #expect(gone.audit == Self.by + "user-remove user=alice result=ok")
        #expect(self.fixture.sessions.take() == ["user alice login"])
    }

    @Test func revokingEndsSessionsAndTellsWhatIsLeft() throws {
        _ = self.addAliceToInbox()
        let outcome = self.perform(.revoke(user: self.alice, share: self.inbox, rights: .write))
        guard case .rights(.read) = outcome.response else {
            Issue.record("answered \(outcome.response)")
            return
        }
        #expect(outcome.audit == Self.by + "revoke user=alice grant=inbox:write result=ok")
        #expect(self.fixture.sessions.take() == ["user alice grant"])
        _ = self.perform(.grant(user: self.alice, share: self.inbox, rights: .write))
        #expect(try self.fixture.catalog.rights(user: self.alice, share: self.inbox)?.rights == .all)
        #expect(self.fixture.sessions.take() == [])
    }

    @Test func failuresChangeNothingAndAreAudited() throws {
        let requests: [(AdminRequest, String)] = [
            (.shareRemove(name: self.inbox), "share-remove share=inbox"),
            (.userRemove(user: self.alice), "user-remove user=alice"),
            (.tokenAdd(user: self.alice, tokenName: "t", expires: nil), "token-add user=alice token-name=t"),
            (.grant(user: self.alice, share: self.inbox, rights: .read), "grant user=alice grant=inbox:read"),
            (.revoke(user: self.alice, share: self.inbox, rights: .read), "revoke user=alice grant=inbox:read"),
        ]
        for (request, line) in requests {
            let outcome = self.perform(request)
            guard case .failure(let failure) = outcome.response else {
                Issue.record("answered \(outcome.response)")
                continue
            }
            #expect(failure.error.code == .notFound)
            #expect(outcome.audit == Self.by + line + " result=not-found")
        }
        #expect(self.fixture.sessions.take() == [])
    }

    @Test func noUserIsMadeWithoutACertificate() throws {
        let executor = AdminExecutor(
            catalog: self.fixture.catalog,
            sessions: nil,
            fingerprint: { throw FerryError(.permission, "no key") },
            status: { throw FerryError(.connection, "no daemon") },
            reload: { throw FerryError(.connection, "no daemon") }
        )
        let request = AdminRequest.userAdd(user: self.alice, grants: [], tokenName: "t", expires: nil)
        guard case .failure(let failure) = executor.perform(request, by: Self.actor).response else {
            Issue.record("it succeeded")
            return
        }
        #expect(failure.error.code == .permission)
        #expect(try self.fixture.catalog.users().isEmpty)
    }

    @Test func valuesCannotForgeAnotherWordOrLine() throws {
        let share = ShareRecord(name: self.inbox, path: "/a\" result=ok\nadmin by=\u{202e}", readOnly: false)
        let line = try #require(self.perform(.shareAdd(share: share)).audit)
        #expect(line.contains(#"path="/a\" result=ok\x0Aadmin by=\u{202e}" read-only=false"#))
        #expect(!line.contains("\n"))
    }

    /// A daemon that runs on while its program was upgraded does not know what is new.
    @Test func theStatusOfAnOlderDaemonIsUnderstood() throws {
        let text = #"{"version":"1","listeners":["[::]:9000"],"port":9000,"sessions":2,"uptime":7}"#
        let status = try JSONDecoder().decode(DaemonStatus.self, from: Data(text.utf8))
        #expect(status.port == 9000 && !status.stopping)
    }
}
