import FerryErrors
import FerryProtocol
import FerryTestKit
import FerryWire
import Testing

/// Frames in any order for the daemon's state machine.
@Suite struct ServerMachineFuzzTests {
    @Test func nothingStartsBeforeTheLoginAndOneThingAtATime() throws {
        let scripts = try [
            ["hello", "push", "names", "block-stored", "end", "pull", "join", "list", "keep-alive"],
            ["hello", "push-tree", "items", "names-tree", "end", "pull-tree", "needs", "problems", "changes", "join"],
            ["hello", "join", "block-stored", "credit", "push-tree", "join", "pull-tree"],
        ].map { try Script($0) }
        var (started, trees, joined) = (0, 0, 0)
        try Script.run(20_000) { generator in
            let script = scripts[generator.below(scripts.count)]
            var machine = ServerStateMachine()
            var (hasLoggedIn, isRunning, isClosed, hasJoined) = (false, false, false, false)
            var frames = script.damaged(&generator)
            // Mostly the hello is intact, or nothing behind it would ever be reached.
            if !generator.oneIn(4), let hello = script.intact.first { frames.insert(hello, at: 0) }
            do {
                for frame in frames {
                    switch try machine.received(frame) {
                    case .authenticate(_, let limits):
                        try hold(!hasLoggedIn, "a second login is looked at")
                        try hold(limits.payload == WireConstants.payloadLimit, "limits of \(limits)")
                        guard !generator.oneIn(8) else { continue }
                        hasLoggedIn = machine.authenticated()
                        try hold(hasLoggedIn, "the login counts for nothing")
                    case .start(let request):
                        let isIdle = hasLoggedIn && !isRunning && !isClosed && !hasJoined
                        try hold(isIdle, "a request starts out of turn")
                        isRunning = true
                        started += 1
                        switch request {
                        case .pushTree, .pullTree: trees += 1
                        default: break
                        }
                    case .join:
                        let isIdle = hasLoggedIn && !isRunning && !isClosed && !hasJoined
                        try hold(isIdle, "a connection joins out of turn")
                        joined += 1
                        hasJoined = generator.oneIn(2)
                        if !hasJoined { machine.joinRefused() }
                    case .forward:
                        try hold((isRunning || hasJoined) && !isClosed, "a frame is forwarded to nobody")
                    case .discard: break
                    }
                    if isRunning, generator.oneIn(3) { isRunning = machine.operationEnded() != nil }
                    if generator.oneIn(40) {
                        machine.closed()
                        (isClosed, isRunning, hasJoined) = (true, false, false)
                        try hold(!machine.authenticated(), "a login counts after the end")
                    }
                }
            } catch let error as FerryError {
                try error.judge()
            }
        }
        #expect(started > 1000 && trees > 500 && joined > 500, "\(started), \(trees), \(joined)")
    }
}
