import FerryFiles
import Glibc
import Synchronization

/// Has one call of a file system fail, while it is armed.
final class FaultScript: Sendable {
    /// What happens at the call that is meant.
    enum Kind: String, Sendable {
        /// This one call fails.
        case once
        /// It fails, and all calls after it, as those of a disk that died.
        case onward
        /// A write takes a page, and the next one fails, as on a disk that is full.
        case afterAPage
    }

    struct Fault: Sendable, CustomStringConvertible {
        let name: SystemCalls.Name
        /// Of the calls of that name, from 0.
        var index = 0
        let errno: Int32
        let kind: Kind

        var description: String { "\(self.name.rawValue) \(self.index), errno \(self.errno), \(self.kind.rawValue)" }
    }

    private struct State {
        var fault: Fault?
        var seen = 0
        var isHit = false
        var hasRenamed = false
        var shortened: Int?
    }

    private let state = Mutex(State())

    var calls: SystemCalls { SystemCalls { name, _ in self.state.withLock { Self.verdict(name, &$0) } } }

    /// Whether the fault has come to pass since it was armed.
    var isHit: Bool { self.state.withLock { $0.isHit } }
    /// Whether a file was renamed since then.
    var hasRenamed: Bool { self.state.withLock { $0.hasRenamed } }

    func arm(_ fault: Fault) { self.state.withLock { $0 = State(fault: fault) } }

    /// Has all reads and writes pass no more than `length` bytes.
    func shorten(_ length: Int) { self.state.withLock { $0 = State(shortened: length) } }

    func disarm() { self.state.withLock { $0 = State() } }

    private static func verdict(_ name: SystemCalls.Name, _ state: inout State) -> SystemCalls.Verdict {
        let verdict = self.faulty(name, &state)
        if case .proceed = verdict, name == .renameat { state.hasRenamed = true }
        return verdict
    }

    private static func faulty(_ name: SystemCalls.Name, _ state: inout State) -> SystemCalls.Verdict {
        if let length = state.shortened { return [.pread, .pwrite].contains(name) ? .short(length) : .proceed }
        guard let fault = state.fault else { return .proceed }
        if state.isHit, fault.kind == .onward { return .fail(fault.errno) }
        guard name == fault.name else { return .proceed }
        defer { state.seen += 1 }
        switch fault.kind {
        case .once, .onward:
            guard state.seen == fault.index else { return .proceed }
        case .afterAPage:
            if state.seen == fault.index { return .short(4096) }
            guard state.seen == fault.index + 1 else { return .proceed }
        }
        state.isHit = true
        return .fail(fault.errno)
    }
}
