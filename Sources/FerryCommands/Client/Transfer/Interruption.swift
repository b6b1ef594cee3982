import Dispatch
import FerryErrors
import FerryFiles
import Glibc
import Synchronization

/// Ctrl-C, SIGTERM and a terminal that is closed: runs what leaves nothing half, and ends the process at once, whatever
/// its threads are doing.
///
/// Nothing waits for the daemon: it treats the closed connection as a cancelled operation. A second signal finds the
/// default action and kills, should the first one's cleaning up hang.
final class Interruption: Sendable {
    private struct State {
        var isInterrupted = false
        var next = 0
        var cleanups: [Int: @Sendable () -> Void] = [:]
    }

    private let state = Mutex(State())

    /// The writing end of the pipe that wakes the thread that ends the process; read by the signal handler.
    private static let alarm = Atomic<Int32>(-1)

    /// Takes over these signals, unless the process was started with them ignored, as `nohup` does. Call it once.
    ///
    /// - Parameter messages: how the end is told.
    /// - Throws: `.busy` if there is no descriptor left.
    init(_ messages: Messages) throws(FerryError) {
        guard let pipe = Pipe.make() else { throw FerryError(.busy, "cannot make a pipe: errno \(errno)") }
        Self.alarm.store(pipe.write, ordering: .releasing)
        let source = StreamSource(Descriptor(adopting: pipe.read), name: "signals")
        // A queue of its own may keep its thread.
        DispatchQueue(label: "ferry.signals").async {
            var byte: UInt8 = 0
            let count = withUnsafeMutableBytes(of: &byte) { try? source.read(into: $0) }
            guard count == 1 else { return }
            self.interrupt(messages)
        }
        for signal in [SIGINT, SIGTERM, SIGHUP] { Self.handle(signal) }
    }

    private static func handle(_ signal: Int32) {
        var action = sigaction()
        action.__sigaction_handler.sa_handler = { _ in
            // Only what signal-safety(7) allows: the atomic exists by now, and write(2).
            var byte: UInt8 = 1
            let saved = errno
            _ = Glibc.write(Interruption.alarm.load(ordering: .acquiring), &byte, 1)
            errno = saved
        }
        action.sa_flags = SA_RESTART | resetHand
        var old = sigaction()
        guard sigaction(signal, nil, &old) == 0, !Self.isIgnored(old) else { return }
        sigaction(signal, &action, nil)
    }

    /// SIG_IGN is 1, a pointer that is no function.
    private static func isIgnored(_ action: sigaction) -> Bool {
        withUnsafeBytes(of: action.__sigaction_handler) { $0.loadUnaligned(as: Int.self) == 1 }
    }

    private func interrupt(_ messages: Messages) {
        let cleanups = self.state.withLock { state in
            state.isInterrupted = true
            return state.cleanups.sorted { $0.key > $1.key }.map(\.value)
        }
        for cleanup in cleanups { cleanup() }
        messages.report(FerryError(.cancelled, "cancelled"))
        _exit(ExitStatus.cancelled.rawValue)
    }

    /// Makes something that must not be left behind should the process be interrupted. An interruption comes either
    /// before it is made or after it is known here. The last one made is cleaned up first.
    ///
    /// - Parameters:
    ///   - make: must not take long.
    ///   - cleanup: must not wait for another thread, but for locks that are held briefly.
    /// - Returns: what was made, and what ``forget(_:)`` takes.
    /// - Throws: what `make` throws; `.cancelled` if the process is ending.
    func guarding<Resource: Sendable>(
        _ make: () throws(FerryError) -> Resource,
        cleanup: @escaping @Sendable (Resource) -> Void
    ) throws(FerryError) -> (Resource, key: Int) {
        try self.state.withLock { state throws(FerryError) in
            guard !state.isInterrupted else { throw FerryError(.cancelled, "cancelled") }
            let resource = try make()
            state.next += 1
            state.cleanups[state.next] = { cleanup(resource) }
            return (resource, state.next)
        }
    }

    /// Leaves the end to an interruption that has begun: what fails now fails because of it, and must not decide how the
    /// process ends. Returns at once if there is none, or when its cleaning up hangs.
    func standAside() async {
        guard self.state.withLock({ $0.isInterrupted }) else { return }
        try? await Task.sleep(for: .seconds(30))
    }

    /// The work is done; nothing is to be cleaned up any more.
    func forget(_ key: Int) { self.state.withLock { $0.cleanups[key] = nil } }
}

/// SA_RESETHAND, which glibc defines as an unsigned literal that is no Int32.
private let resetHand = Int32(bitPattern: 0x8000_0000)
