import Synchronization

/// The daemon-wide byte budget: a transfer starts once its share of memory is free, in the order of asking.
package final class MemoryBudget: Sendable {
    private struct State {
        var total: Int
        /// Below zero after the budget was made smaller than what is granted.
        var free: Int
        var granted: [UInt64: Int] = [:]
        var waiting: [(id: UInt64, bytes: Int, start: @Sendable () -> Void)] = []
        var nextID: UInt64 = 0

        /// Grants the bytes, at most the whole budget, if so many are free.
        mutating func grant(_ id: UInt64, _ bytes: Int) -> Bool {
            let bytes = min(bytes, self.total)
            guard bytes <= self.free else { return false }
            self.free -= bytes
            self.granted[id] = bytes
            return true
        }

        /// Grants what has waited longest, as far as there is room.
        ///
        /// - Returns: what to start.
        mutating func grantWaiting() -> [@Sendable () -> Void] {
            var starts: [@Sendable () -> Void] = []
            while let first = self.waiting.first, self.grant(first.id, first.bytes) {
                starts.append(first.start)
                self.waiting.removeFirst()
            }
            return starts
        }
    }

    private let state: Mutex<State>

    /// - Parameter total: bytes.
    package init(total: Int) {
        self.state = Mutex(State(total: total, free: total))
    }

    /// Bytes that are granted.
    package var used: Int { self.state.withLock { $0.total - $0.free } }

    /// How many claims are granted: the transfers that run.
    package var count: Int { self.state.withLock { $0.granted.count } }

    /// Changes the budget. What is granted stays so, even where it is more; what waits may start.
    ///
    /// - Parameter total: bytes.
    package func setTotal(_ total: Int) {
        let starts = self.state.withLock { state in
            state.free += total - state.total
            state.total = total
            return state.grantWaiting()
        }
        for start in starts { start() }
    }

    /// A claim on `bytes`, at most the whole budget; nothing is taken yet.
    package func reservation(_ bytes: Int) -> Reservation {
        self.state.withLock { state in
            state.nextID += 1
            return Reservation(id: state.nextID, bytes: bytes)
        }
    }

    /// Takes the bytes, and calls `start` once they are free: at once, or on the thread that gives them back.
    package func acquire(_ reservation: Reservation, start: @escaping @Sendable () -> Void) {
        let isFree = self.state.withLock { state in
            if state.waiting.isEmpty, state.grant(reservation.id, reservation.bytes) { return true }
            state.waiting.append((reservation.id, reservation.bytes, start))
            return false
        }
        if isFree { start() }
    }

    /// Gives a reservation back, granted or still waiting; called once for each that was acquired.
    package func release(_ reservation: Reservation) {
        let starts = self.state.withLock { state in
            if let bytes = state.granted.removeValue(forKey: reservation.id) {
                state.free += bytes
            } else {
                state.waiting.removeAll { $0.id == reservation.id }
            }
            return state.grantWaiting()
        }
        for start in starts { start() }
    }

    /// A claim on some bytes.
    package struct Reservation: Sendable {
        let id: UInt64
        let bytes: Int
    }
}
