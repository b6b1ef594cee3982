import Dispatch
import Foundation
import Glibc
import Synchronization

/// A link that drops by the clock: every so many seconds it resets all its connections, whatever they carry.
final class DroppingRelay: Sendable {
    let port: Int
    private let listener: Int32
    private let period: DispatchTimeInterval
    /// The fault itself is one of time: nothing waits for it.
    private let clock = DispatchQueue(label: "ferry.dropping-relay")
    private let state = Mutex(State())

    private struct State {
        var sockets: [Int32] = []
        var drops = 0
        var isOver = false
    }

    /// How often a connection was cut.
    var drops: Int { self.state.withLock { $0.drops } }

    /// - Parameters:
    ///   - target: a port of this machine.
    ///   - period: from one drop to the next.
    /// - Throws: if there is no port left.
    init(to target: Int, every period: DispatchTimeInterval) throws {
        self.period = period
        (self.listener, self.port) = try Loopback.listen()
        let listener = self.listener
        Thread.detachNewThread { [weak self] in
            while true {
                let near = accept(listener, nil, nil)
                guard near >= 0, let self else { return }
                let far = Loopback.connect(to: target)
                self.state.withLock { $0.sockets += [near, far] }
                Thread.detachNewThread { Self.copy(near, far) }
                Thread.detachNewThread { Self.copy(far, near) }
            }
        }
        self.dropLater()
    }

    deinit {
        shutdown(self.listener, Int32(SHUT_RDWR))
        close(self.listener)
    }

    /// Drops nothing any more.
    func end() { self.state.withLock { $0.isOver = true } }

    private func dropLater() {
        self.clock.asyncAfter(deadline: .now() + self.period) { [weak self] in
            guard let self, self.drop() else { return }
            self.dropLater()
        }
    }

    private func drop() -> Bool {
        self.state.withLock { state in
            guard !state.isOver else { return false }
            state.drops += state.sockets.count / 2
            for socket in state.sockets { Loopback.reset(socket) }
            state.sockets = []
            return true
        }
    }

    private static func copy(_ source: Int32, _ target: Int32) {
        var buffer = [UInt8](repeating: 0, count: 16 << 10)
        while case let count = read(source, &buffer, buffer.count), count > 0 {
            guard send(target, buffer, count, Int32(MSG_NOSIGNAL)) == count else { break }
        }
        shutdown(target, Int32(SHUT_WR))
        shutdown(source, Int32(SHUT_RD))
    }
}
