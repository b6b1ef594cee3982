import FerryCatalog
import FerryChunking
import FerryErrors
import FerryProtocol
import FerryServer
import FerryTestKit
import FerryWire
import FoundationEssentials
import NIOCore
import Testing

/// How connections are capped, timed out and ended.
@Suite(.timeLimit(.minutes(5))) struct ConnectionTests {
    // MARK: Caps

    @Test func theCapOfAllConnectionsAtItsLimitAndOnePast() async throws {
        try await LiveDaemon.run {
            $0.limits.connections = 3
        } _: { daemon in
            var clients: [RawClient] = []
            for _ in 0..<3 { clients.append(try await .logIn(daemon)) }
            let refused = try await RawClient.connect(port: daemon.port)
            await refused.closed()
            _ = await daemon.log.line(with: "connection refused", "3 connections are open")
            // Those inside are served, and one that leaves makes room.
            try await clients[2].push([1], to: "inbox/file")
            await clients[0].close()
            _ = await daemon.log.line(with: "connection closed")
            clients[0] = try await .logIn(daemon)
            for client in clients { await client.close() }
            while daemon.log.lines(with: "connection closed").count < 4 { await Task.yield() }
        }
    }

    @Test func theCapPerAddressLeavesRoomForOtherAddresses() async throws {
        try await LiveDaemon.run {
            $0.limits.connectionsPerAddress = 2
        } _: { daemon in
            let clients = try await [RawClient.logIn(daemon), .logIn(daemon)]
            let refused = try await RawClient.connect(port: daemon.port)
            await refused.closed()
            _ = await daemon.log.line(with: "connection refused", "2 connections from this address are open")
            let other = try await RawClient.connect(port: daemon.port, from: "127.0.0.2")
            try await other.send(RawClient.hello(daemon.token))
            _ = try await other.welcome()
            for client in clients + [other] { await client.close() }
            while daemon.log.lines(with: "connection closed").count < 3 { await Task.yield() }
        }
    }

    @Test func theCapOfConnectionsThatHaveNotLoggedIn() async throws {
        try await LiveDaemon.run { settings in
            settings.limits.unauthenticated = 2
            settings.penalties.first = .seconds(60)
        } _: { daemon in
            // Two that wait for their refusal; those that have logged in do not count.
            let member = try await RawClient.logIn(daemon)
            let waiting = try await [RawClient.connect(port: daemon.port), .connect(port: daemon.port)]
            for client in waiting { try await client.send(RawClient.hello("wrong")) }
            while daemon.log.lines(with: "authentication failure").count < 2 { await Task.yield() }
            let refused = try await RawClient.connect(port: daemon.port)
            await refused.closed()
            _ = await daemon.log.line(with: "connection refused", "2 connections have not logged in")
            await waiting[0].close()
            _ = await daemon.log.line(with: "connection closed")
            let next = try await RawClient.logIn(daemon)
            for client in [member, next, waiting[1]] { await client.close() }
            while daemon.log.lines(with: "connection closed").count < 4 { await Task.yield() }
        }
    }

    /// Two addresses that open all they get leave room for a third.
    @Test func addressesThatDoNotLogInLeaveRoomForOthers() async throws {
        try await LiveDaemon.run { settings in
            // Half of the places are 16, and a share of the rest is 2.
            settings.limits.unauthenticated = 32
            settings.timeouts.handshake = .seconds(60)
            settings.penalties.first = .seconds(60)
        } _: { daemon in
            // Each waits for its refusal, so that it is known to be inside.
            var clients: [RawClient] = []
            for source in Array(repeating: "127.0.0.1", count: 16) + ["127.0.0.2", "127.0.0.2"] {
                let client = try await RawClient.connect(port: daemon.port, from: source)
                clients.append(client)
                try await client.send(RawClient.hello("wrong"))
                while daemon.log.lines(with: "authentication failure").count < clients.count { await Task.yield() }
            }
            for (source, count) in [("127.0.0.1", 16), ("127.0.0.2", 2)] {
                let refused = try await RawClient.connect(port: daemon.port, from: source)
                await refused.closed()
                let reason = "\(count) connections from this address have not logged in"
                _ = await daemon.log.line(with: "connection refused", reason)
            }
            let other = try await RawClient.connect(port: daemon.port, from: "127.0.0.3")
            try await other.send(RawClient.hello(daemon.token))
            _ = try await other.welcome()
            for client in clients + [other] { await client.close() }
            while daemon.log.lines(with: "connection closed").count < 19 { await Task.yield() }
        }
    }

    @Test func aConnectionThatIsBeingEndedStillCounts() async throws {
        try await LiveDaemon.run {
            $0.limits.connections = 1
        } _: { daemon in
            // It is told why, and keeps the connection open all the same.
            let rude = try await RawClient.connect(port: daemon.port)
            try await rude.send(.keepAlive)
            #expect(try await rude.failure() == .violation)
            let refused = try await RawClient.connect(port: daemon.port)
            await refused.closed()
            _ = await daemon.log.line(with: "connection refused")
            await rude.close()
            _ = await daemon.log.line(with: "connection closed")
        }
    }

    // MARK: Deadlines

    @Test func aClientThatSaysNothing() async throws {
        try await LiveDaemon.run {
            $0.timeouts.handshake = .seconds(1)
        } _: { daemon in
            let client = try await RawClient.connect(port: daemon.port)
            #expect(try await client.failure() == .timeout)
            // The daemon closes by itself.
            await client.closed()
            _ = await daemon.log.line(with: "connection closed", "the login did not complete within 1.0 s")
        }
    }

    @Test func aClientThatSendsOneByteAtATime() async throws {
        try await LiveDaemon.run {
            $0.timeouts.handshake = .seconds(1)
        } _: { daemon in
            let client = try await RawClient.connect(port: daemon.port)
            let bytes = NIOLoopBoundBox<ByteBuffer>.makeBoxSendingValue(
                try RawClient.hello(daemon.token).encoded(),
                eventLoop: client.channel.eventLoop
            )
            let trickle = client.channel.eventLoop.scheduleRepeatedTask(initialDelay: .zero, delay: .milliseconds(25)) {
                _ in
                if let byte = bytes.value.readSlice(length: 1) { client.sendInVain(byte) }
            }
            await client.closed()
            trickle.cancel()
            _ = await daemon.log.line(with: "connection closed", "the login did not complete within 1.0 s")
        }
    }

    @Test func aClientThatAsksForNothing() async throws {
        try await LiveDaemon.run {
            $0.timeouts.idle = .seconds(1)
        } _: { daemon in
            let client = try await RawClient.logIn(daemon)
            try await client.expectEnd(.timeout)
        }
    }

    @Test func aClientThatIsSilentWithinAPush() async throws {
        try await LiveDaemon.run { settings in
            settings.timeouts.transfer = .seconds(1)
            settings.timeouts.keepAlive = .milliseconds(100)
        } _: { daemon in
            let client = try await RawClient.logIn(daemon)
            try await client.send(RawClient.push("inbox/file", size: 3))
            try await client.ready()
            try await client.expectEnd(.timeout)
            _ = await daemon.log.line(with: "push failed", "the peer was silent")
        }
    }

    @Test func aClientThatOnlyKeepsAliveIsNotTimedOut() async throws {
        try await LiveDaemon.run { settings in
            settings.timeouts.transfer = .seconds(3)
            settings.timeouts.keepAlive = .milliseconds(100)
        } _: { daemon in
            let client = try await RawClient.logIn(daemon)
            try await client.send(RawClient.push("inbox/file", size: 0))
            try await client.ready()
            // The daemon says that it lives: after 35 times, the deadline has passed.
            let beats = client.keepAlive(every: .milliseconds(50))
            for _ in 0..<35 { #expect(await client.nextKeepAlive()) }
            beats.cancel()
            try await client.send(RawClient.end([]))
            _ = try await client.finished()
            await client.close()
        }
    }

    /// Or it could hold its part of the memory for ever.
    @Test(arguments: ["push", "pull"])
    func aClientThatOnlyKeepsAliveThoughItIsItsTurn(_ direction: String) async throws {
        try await LiveDaemon.run { settings in
            settings.timeouts.transfer = .seconds(30)
            settings.timeouts.progress = .seconds(2)
        } _: { daemon in
            var generator = SeededGenerator(seed: 45)
            try Data(generator.bytes(1 << 20)).write(to: URL(filePath: daemon.inbox + "/large"))
            let client = try await RawClient.logIn(daemon)
            let beats = client.keepAlive(every: .milliseconds(20))
            // It names nothing, or decides nothing that it is named.
            try await client.send(
                direction == "push"
                    ? RawClient.push("inbox/file", size: 3) : .pull(path: Data("inbox/large".utf8), compression: .off)
            )
            #expect(try await client.failureOfTransfer() == .timeout)
            beats.cancel()
            await client.close()
            _ = await daemon.log.line(with: "\(direction) failed", "the peer did nothing for the transfer within 2.0 s")
        }
    }

    /// It waits for memory that others hold, which is not its fault.
    @Test func whoWaitsForMemoryIsNotTimedOutForDoingNothing() async throws {
        try await LiveDaemon.run { settings in
            settings.limits.memory = 16 << 20
            settings.timeouts.transfer = .seconds(30)
            settings.timeouts.progress = .seconds(2)
        } _: { daemon in
            let (first, waiting) = (try await RawClient.logIn(daemon), try await RawClient.logIn(daemon))
            let beats = [first, waiting].map { $0.keepAlive(every: .milliseconds(20)) }
            try await first.send(RawClient.push("inbox/first", size: 0))
            try await first.ready()
            try await waiting.send(RawClient.push("inbox/waiting", size: 0))
            try await first.expectEnd(.timeout)
            // By now it has waited for as long as the other was given.
            try await waiting.ready()
            try await waiting.send(RawClient.end([]))
            _ = try await waiting.finished()
            for beat in beats { beat.cancel() }
            await waiting.close()
        }
    }

    /// It wants 7 MiB, more than the kernel buffers, and takes none of them.
    @Test func aClientThatNeverReadsDuringAPull() async throws {
        try await LiveDaemon.run { settings in
            settings.limits.window = 64 << 20
            settings.timeouts.transfer = .milliseconds(1500)
            settings.timeouts.keepAlive = .milliseconds(100)
            settings.limits.window = 16 << 20
        } _: { daemon in
            var generator = SeededGenerator(seed: 41)
            try Data(generator.bytes(32 << 20)).write(to: URL(filePath: daemon.inbox + "/large"))
            let client = try await RawClient.connect(port: daemon.port)
            let limits = FrameLimits(blockWindow: 16 << 20)
            try await client.send(RawClient.hello(daemon.token, limits: limits))
            _ = try await client.welcome()
            try await client.send(.pull(path: Data("inbox/large".utf8), compression: .off))
            try await client.ready()
            var named: [WireNames] = []
            while named.flatMap(\.lengths).reduce(0, +) < 7 << 20 {
                guard case .names(let names) = await client.next()?.body else {
                    throw RawClient.Unexpected(nil, #_sourceLocation)
                }
                named.append(names)
            }
            try await client.channel.setOption(.autoRead, value: false).get()
            for names in named { try await client.send(.wants(decided: names.lengths.count, ids: names.ids)) }
            // It lives, and says so.
            let beats = client.keepAlive(every: .milliseconds(50))
            let line = await daemon.log.line(with: "connection closed")
            #expect(line.contains("the peer took no bytes"))
            beats.cancel()
            await client.close()
        }
    }

    /// One that writes and never reads what it is answered must not fill the daemon. It is ended for the answers that
    /// pile up, or, where both kernels' buffers are full before, because nothing moves any more.
    @Test func aClientThatNeverReadsTheAnswersToItsNames() async throws {
        try await LiveDaemon.run { settings in
            settings.timeouts.transfer = .milliseconds(1500)
            settings.timeouts.keepAlive = .milliseconds(100)
        } _: { daemon in
            let client = try await RawClient.logIn(daemon)
            let chunk = RawClient.cut([1])[0]
            try await client.send(RawClient.push("inbox/file", size: nil))
            try await client.ready()
            try await client.send(RawClient.names([chunk]))
            _ = try await client.wants()
            try await client.send(RawClient.block(chunk))
            try await client.channel.setOption(.autoRead, value: false).get()
            // Each of these is had, so that no window ends it.
            let names = try RawClient.names([chunk]).encoded()
            var many = ByteBuffer()
            for _ in 0..<1000 { many.writeImmutableBuffer(names) }
            let writing = Task {
                while client.channel.isActive { try? await client.channel.writeAndFlush(many) }
            }
            _ = await daemon.log.line(with: "push failed")
            await client.close()
            await writing.value
        }
    }

    // MARK: Cuts

    @Test func aDisconnectInTheMiddleOfAPushLeavesOnlyWhatAnotherPushTakesUp() async throws {
        try await LiveDaemon.run { daemon in
            var generator = SeededGenerator(seed: 42)
            let chunks = RawClient.cut(generator.bytes(1_000_000))
            let client = try await RawClient.logIn(daemon)
            try await client.send(RawClient.push("inbox/dir/file", size: 1_000_000, makeParents: true))
            try await client.ready()
            try await client.send(RawClient.names(chunks))
            _ = try await client.wants()
            for chunk in chunks.dropLast() { try await client.send(RawClient.block(chunk)) }
            await client.close()
            _ = await daemon.log.line(with: "push failed", "the client went away")
            #expect(try daemon.partialFiles().count == 1)
            let again = try await RawClient.logIn(daemon)
            try await again.send(RawClient.push("inbox/dir/file", size: 1_000_000))
            try await again.ready()
            try await again.send(RawClient.names(chunks))
            #expect(try await again.wants().ids == ChunkID.pack([chunks[chunks.count - 1].id]))
            try await again.send(RawClient.block(chunks[chunks.count - 1]))
            try await again.send(RawClient.end(chunks))
            _ = try await again.finished()
            await again.close()
            #expect(try FileManager.default.contentsOfDirectory(atPath: daemon.inbox + "/dir") == ["file"])
        }
    }

    @Test func aPullThatIsCutLeavesTheDaemonServing() async throws {
        try await LiveDaemon.run { daemon in
            var generator = SeededGenerator(seed: 43)
            try Data(generator.bytes(4 << 20)).write(to: URL(filePath: daemon.inbox + "/file"))
            for frames in 0..<6 {
                let client = try await RawClient.logIn(daemon)
                try await client.send(.pull(path: Data("inbox/file".utf8), compression: .off))
                for _ in 0..<frames {
                    if case .names(let names) = await client.next()?.body {
                        try await client.send(.wants(decided: names.lengths.count, ids: names.ids))
                    }
                }
                await client.close()
            }
            while daemon.log.lines(with: "pull failed").count < 6 { await Task.yield() }
        }
    }

    @Test func oneConnectionServesManyRequests() async throws {
        try await LiveDaemon.run { daemon in
            let client = try await RawClient.logIn(daemon)
            for round in 0..<50 {
                let bytes = Array("round \(round)".utf8)
                try await client.push(bytes, to: "inbox/file")
                #expect(try await client.pull("inbox/file") == bytes)
                try await client.send(.stat(path: Data("inbox/none".utf8)))
                #expect(try await client.failure() == .notFound)
            }
            await client.close()
            _ = await daemon.log.line(with: "connection closed", "transfers=100")
        }
    }

    /// Clients, and a budget that has room for one transfer or two at once.
    @Test(arguments: [(6, 16), (64, 64)])
    func transfersWaitForTheMemoryBudgetAndAllGetTheirTurn(_ clients: Int, _ mebibytes: Int) async throws {
        try await LiveDaemon.run { settings in
            settings.limits.memory = mebibytes << 20
        } _: { daemon in
            var generator = SeededGenerator(seed: 44)
            let bytes = generator.bytes(300_000)
            try await withThrowingTaskGroup { group in
                for number in 0..<clients {
                    group.addTask {
                        let client = try await RawClient.logIn(daemon)
                        try await client.push(bytes, to: "inbox/\(number)")
                        #expect(try await client.pull("inbox/\(number)") == bytes)
                        await client.close()
                    }
                }
                try await group.waitForAll()
            }
        }
    }

    @Test func whoLeavesWhileWaitingForMemoryTakesNoneWithThem() async throws {
        try await LiveDaemon.run {
            $0.limits.memory = 16 << 20
        } _: { daemon in
            let first = try await RawClient.logIn(daemon)
            try await first.send(RawClient.push("inbox/first", size: 0))
            try await first.ready()
            let waiting = try await RawClient.logIn(daemon)
            try await waiting.send(RawClient.push("inbox/waiting", size: 0))
            await waiting.close()
            _ = await daemon.log.line(with: "push failed", "inbox/waiting")
            try await first.send(RawClient.end([]))
            _ = try await first.finished()
            try await first.push([1], to: "inbox/second")
            await first.close()
        }
    }

    /// What a held transfer were sent would be memory that nothing was granted for.
    @Test func whoSendsBeforeItsTransferIsReadyIsCut() async throws {
        try await LiveDaemon.run {
            $0.limits.memory = 16 << 20
        } _: { daemon in
            let first = try await RawClient.logIn(daemon)
            try await first.send(RawClient.push("inbox/first", size: 0))
            try await first.ready()
            let chunks = RawClient.cut([1, 2, 3])
            let hasty = try await RawClient.logIn(daemon)
            try await hasty.send(RawClient.push("inbox/hasty", size: 3), RawClient.names(chunks))
            try await hasty.expectEnd(.violation)
            await first.close()
        }
    }

    /// Revoking ends a session; so does the time for which a token was given.
    @Test func aSessionEndsWhenItsTokenExpires() async throws {
        try await LiveDaemon.run { daemon in
            let soon = Int64(Date.now.timeIntervalSince1970) + 2
            let token = try daemon.catalog.addToken(user: Name("alice"), name: "brief", expires: soon)
            let client = try await RawClient.connect(port: daemon.port)
            try await client.send(RawClient.hello(token.secret))
            _ = try await client.welcome()
            try await client.expectEnd(.authentication)
        }
    }

    // MARK: Stopping

    @Test func stoppingFinishesARunningPushAndLetsNobodyIn() async throws {
        try await LiveDaemon.run(expectsToServe: false) {
            $0.timeouts.shutdown = .seconds(30)
        } _: { daemon in
            let chunks = RawClient.cut([1, 2, 3])
            let (pushing, idle) = (try await RawClient.logIn(daemon), try await RawClient.logIn(daemon))
            try await pushing.send(RawClient.push("inbox/file", size: 3))
            try await pushing.ready()
            await daemon.stop()
            try await idle.expectEnd(.shuttingDown)
            await #expect(throws: (any Error).self) {
                // The listener is closed before the sessions are told.
                _ = try await RawClient.connect(port: daemon.port)
            }
            try await pushing.send(RawClient.names(chunks))
            _ = try await pushing.wants()
            try await pushing.send(RawClient.block(chunks[0]), RawClient.end(chunks))
            _ = try await pushing.finished()
            try await pushing.expectEnd(.shuttingDown)
            _ = await daemon.log.line(with: "- info stopped")
            #expect(try daemon.content("file") == [1, 2, 3])
        }
    }

    @Test func stoppingCutsAPushThatTakesTooLong() async throws {
        try await LiveDaemon.run(expectsToServe: false) {
            $0.timeouts.shutdown = .milliseconds(300)
        } _: { daemon in
            let client = try await RawClient.logIn(daemon)
            try await client.send(RawClient.push("inbox/file", size: 3))
            try await client.ready()
            await daemon.stop()
            try await client.expectEnd(.shuttingDown)
            _ = await daemon.log.line(with: "- info stopped")
            #expect(try daemon.files() == [])
        }
    }

    @Test func stoppingWaitsForNobodyWhoDoesNotClose() async throws {
        try await LiveDaemon.run(expectsToServe: false) {
            $0.timeouts.shutdown = .milliseconds(300)
        } _: { daemon in
            let client = try await RawClient.logIn(daemon)
            await daemon.stop()
            #expect(try await client.failure() == .shuttingDown)
            // It keeps its end open; the daemon cuts it.
            await client.closed()
            _ = await daemon.log.line(with: "- info stopped")
        }
    }
}
