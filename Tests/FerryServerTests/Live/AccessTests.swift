import FerryCatalog
import FerryErrors
import FerryServer
import FerryTestKit
import FerryWire
import FoundationEssentials
import NIOCore
import Testing

/// Who may do what, and for how long.
@Suite(.timeLimit(.minutes(5))) struct AccessTests {
    @Test func aReadOnlyShare() async throws {
        try await LiveDaemon.run { daemon in
            try Data([7]).write(to: URL(filePath: daemon.directory.path + "/archive/file"))
            let client = try await RawClient.logIn(daemon)
            let path = Data("archive/file".utf8)
            for request in [
                RawClient.push("archive/file", size: 0), .remove(path: path),
                .makeDirectory(path: path, makeParents: true),
            ] {
                try await client.send(request)
                #expect(try await client.failure() == .readOnly)
            }
            #expect(try await client.pull("archive/file") == [7])
            await client.close()
        }
    }

    @Test func writingWithoutTheGrant() async throws {
        try await LiveDaemon.run { daemon in
            try Data([7]).write(to: URL(filePath: daemon.inbox + "/file"))
            let client = try await RawClient.connect(port: daemon.port)
            try await client.send(RawClient.hello(daemon.readerToken))
            _ = try await client.welcome()
            let path = Data("inbox/file".utf8)
            for request in [
                RawClient.push("inbox/file", size: 0), .remove(path: path),
                .makeDirectory(path: path, makeParents: false),
                RawClient.push("archive/file", size: 0), .pull(path: Data("archive/file".utf8), compression: .off),
            ] {
                try await client.send(request)
                #expect(try await client.failure() == .denied)
            }
            #expect(try await client.pull("inbox/file") == [7])
            // Only what is granted is listed.
            try await client.send(.list(path: Data()))
            guard case .entries(let shares) = await client.next()?.body else {
                throw RawClient.Unexpected(nil, #_sourceLocation)
            }
            #expect(shares.entries.map { String(decoding: $0.name, as: UTF8.self) } == ["inbox"])
            await client.close()
        }
    }

    @Test func aShareThatDoesNotExistAndOneThatIsNotGrantedLookAlike() async throws {
        try await LiveDaemon.run { daemon in
            let client = try await RawClient.connect(port: daemon.port)
            try await client.send(RawClient.hello(daemon.readerToken))
            _ = try await client.welcome()
            var answers: [String] = []
            for share in ["archive", "absent0"] {
                try await client.send(.stat(path: Data("\(share)/x".utf8)))
                guard case .failure(let failure) = await client.next()?.body else {
                    throw RawClient.Unexpected(nil, #_sourceLocation)
                }
                answers.append("\(failure)".replacing(share, with: "SHARE"))
            }
            #expect(answers[0] == answers[1])
            await client.close()
        }
    }

    @Test func aGrantThatIsTakenAwayCountsAtOnce() async throws {
        try await LiveDaemon.run { daemon in
            let client = try await RawClient.logIn(daemon)
            try await client.push([1], to: "inbox/file")
            try daemon.catalog.revoke(user: try Name("alice"), share: try Name("inbox"), rights: .write)
            try await client.send(RawClient.push("inbox/file", size: 0))
            #expect(try await client.failure() == .denied)
            #expect(try await client.pull("inbox/file") == [1])
            await client.close()
            try daemon.catalog.grant(user: try Name("alice"), share: try Name("inbox"), rights: .write)
        }
    }

    /// The path is what the share is: what is pushed must not go where an earlier directory was moved to.
    @Test func aShareWhoseDirectoryIsReplaced() async throws {
        try await LiveDaemon.run { daemon in
            let client = try await RawClient.logIn(daemon)
            try await client.push([1], to: "inbox/file")
            try FileManager.default.moveItem(atPath: daemon.inbox, toPath: daemon.inbox + ".old")
            try await client.send(RawClient.push("inbox/file", size: 1))
            #expect(try await client.failure() == .notFound)
            try FileManager.default.createDirectory(atPath: daemon.inbox, withIntermediateDirectories: false)
            try await client.push([2], to: "inbox/file")
            #expect(try Data(contentsOf: URL(filePath: daemon.inbox + "/file")) == Data([2]))
            #expect(try Data(contentsOf: URL(filePath: daemon.inbox + ".old/file")) == Data([1]))
            await client.close()
        }
    }

    @Test func aPushOntoADirectory() async throws {
        try await LiveDaemon.run { daemon in
            let client = try await RawClient.logIn(daemon)
            try await client.send(.makeDirectory(path: Data("inbox/dir".utf8), makeParents: false))
            _ = try await client.finished()
            try await client.send(RawClient.push("inbox/dir", size: 0))
            #expect(try await client.failure() == .notAFile)
            try await client.send(.pull(path: Data("inbox/dir".utf8), compression: .off))
            #expect(try await client.failure() == .notAFile)
            await client.close()
        }
    }

    @Test func aNameIsFreeAgainAfterEveryKindOfEnd() async throws {
        try await LiveDaemon.run { daemon in
            // Cut, refused on its way, and ended before it could begin.
            let cut = try await RawClient.logIn(daemon)
            try await cut.send(RawClient.push("inbox/file", size: 3))
            try await cut.ready()
            await cut.close()
            _ = await daemon.log.line(with: "push failed", "went away")
            let bad = try await RawClient.logIn(daemon)
            try await bad.send(RawClient.push("inbox/file", size: 3))
            try await bad.ready()
            try await bad.send(.credit(1))
            try await bad.expectEnd(.violation)
            for _ in 0..<20 {
                let hasty = try await RawClient.logIn(daemon)
                try await hasty.send(RawClient.push("inbox/hasty", size: 3))
                await hasty.close()
            }
            let client = try await RawClient.logIn(daemon)
            try await client.push([1], to: "inbox/file")
            // The hasty ones may still be ending, each on its own.
            try await client.push([], to: "inbox/hasty")
            await client.close()
        }
    }

    @Test func wrongCredentialsGetOneAnswer() async throws {
        try await LiveDaemon.run { daemon in
            let past = try Catalog(path: daemon.state.paths.catalog, now: { 1_000_000 })
            let expired = try past.addToken(user: try Name("alice"), name: "old", expires: 1_000_001).secret
            let revoked = try daemon.catalog.addToken(user: try Name("alice"), name: "gone").secret
            try daemon.catalog.removeToken(user: try Name("alice"), token: "gone")
            var answers: Set<[UInt8]> = []
            let unknown = String(daemon.token.reversed())
            for token in [
                expired, revoked, unknown, "", "malformed", String(repeating: "x", count: 3000), "\u{0}\u{7F}ü",
            ] {
                let client = try await RawClient.connect(port: daemon.port)
                try await client.send(RawClient.hello(token))
                let answer = try #require(await client.next())
                answers.insert(Array(try answer.encoded().readableBytesView))
                guard case .failure(let failure) = answer.body else {
                    throw RawClient.Unexpected(answer, #_sourceLocation)
                }
                #expect(failure.code == "authentication")
                await client.close()
            }
            #expect(answers.count == 1)
            #expect(daemon.log.lines(with: "authentication failure", "address=127.0.0.1 ").count == 7)
            // No secret, right or wrong, is in the log.
            for secret in [daemon.token, expired, revoked, unknown] { #expect(daemon.log.lines(with: secret).isEmpty) }
            try past.close()
        }
    }

    @Test func aRevokedTokensSessionsEndAtOnceAndOthersStay() async throws {
        try await LiveDaemon.run { daemon in
            let admin = AdminClient(state: daemon.state.paths.root, audit: { _ in })
            let alice = try Name("alice")
            let second = try daemon.catalog.addToken(user: alice, name: "second").secret
            let other = try await RawClient.logIn(daemon)
            let idle = try await RawClient.connect(port: daemon.port)
            let pushing = try await RawClient.connect(port: daemon.port)
            for client in [idle, pushing] {
                try await client.send(RawClient.hello(second))
                _ = try await client.welcome()
            }
            try await pushing.send(RawClient.push("inbox/half", size: 3))
            try await pushing.ready()
            _ = try await admin.perform(.tokenRemove(user: alice, token: "second"))
            for client in [idle, pushing] { try await client.expectEnd(.authentication) }
            try await other.push([1], to: "inbox/file")
            await other.close()
            // And it opens nothing any more.
            let again = try await RawClient.connect(port: daemon.port)
            try await again.send(RawClient.hello(second))
            try await again.expectEnd(.authentication)
            #expect(!(try daemon.files().contains("half")))
        }
    }

    @Test func aRemovedUsersSessionsEnd() async throws {
        try await LiveDaemon.run { daemon in
            let admin = AdminClient(state: daemon.state.paths.root, audit: { _ in })
            let client = try await RawClient.connect(port: daemon.port)
            try await client.send(RawClient.hello(daemon.readerToken))
            _ = try await client.welcome()
            _ = try await admin.perform(.userRemove(user: try Name("bob")))
            try await client.expectEnd(.authentication)
        }
    }

    /// Logins and a revocation at once: whoever was welcomed is ended.
    @Test func aRevocationDuringLoginsMissesNone() async throws {
        try await LiveDaemon.run { daemon in
            let admin = AdminClient(state: daemon.state.paths.root, audit: { _ in })
            let alice = try Name("alice")
            for round in 0..<20 {
                let token = try daemon.catalog.addToken(user: alice, name: "\(round)").secret
                let clients = try await [RawClient.connect(port: daemon.port), .connect(port: daemon.port)]
                for client in clients { try await client.send(RawClient.hello(token)) }
                _ = try await admin.perform(.tokenRemove(user: alice, token: "\(round)"))
                for client in clients {
                    var last: Frame?
                    while let frame = await client.next() {
                        last = frame
                        if case .failure = frame.body { break }
                    }
                    guard case .failure(let failure) = last?.body else {
                        throw RawClient.Unexpected(last, #_sourceLocation)
                    }
                    #expect(failure.code == "authentication")
                    await client.close()
                }
            }
        }
    }
}
