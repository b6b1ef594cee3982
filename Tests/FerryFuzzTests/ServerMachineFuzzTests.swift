import FerryErrors
import FerryProtocol
import FerryTestKit
import FerryWire
import Testing

/// Frames in any order for the daemon's state machine.
@Suite struct ServerMachineFuzzTests {
    @Test func nothingStartsBeforeTheLoginAndOneThingAtATime() throws {
        let script = try Script(["hello", "push", "names", "block-stored", "end", "pull", "join", "list", "keep-alive"])
        var started = 0
        try Script.run(20_000) { generator in
            var machine = ServerStateMachine()
            var (hasLoggedIn, isRunning, isClosed) = (false, false, false)
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
                    case .start:
                        try hold(hasLoggedIn && !isRunning && !isClosed, "a request starts out of turn")
                        isRunning = true
                        started += 1
                    case .join:
                        try hold(hasLoggedIn && !isRunning && !isClosed, "a connection joins out of turn")
                        machine.joinRefused()
                    case .forward:
                        try hold(isRunning && !isClosed, "a frame is forwarded to nobody")
                    case .discard: break
                    }
                    if isRunning, generator.oneIn(3) { isRunning = machine.operationEnded() != nil }
                    if generator.oneIn(40) {
                        machine.closed()
                        (isClosed, isRunning) = (true, false)
                        try hold(!machine.authenticated(), "a login counts after the end")
                    }
                }
            } catch let error as FerryError {
                try error.judge()
            }
        }
        #expect(started > 1000)
    }
}
