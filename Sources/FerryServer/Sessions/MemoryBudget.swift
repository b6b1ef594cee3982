import Synchronization

/// The daemon-wide byte budget: a transfer starts once its share of memory is free, in the order of asking.
package final class MemoryBudget: Sendable {
    private struct State {
        var free: Int
        var waiting: [(id: UInt64, bytes: Int, start: @Sendable () -> Void)] = []
        var nextID: UInt64 = 0
    }

    private let total: Int
    private let state: Mutex<State>

    /// - Parameter total: bytes.
    package init(total: Int) {
        self.total = total
        self.state = Mutex(State(free: total))
    }

    /// A claim on `bytes`, at most the whole budget; nothing is taken yet.
    package func reservation(_ bytes: Int) -> Reservation {
        self.state.withLock { state in
            state.nextID += 1
            return Reservation(id: state.nextID, bytes: min(bytes, self.total))
        }
    }

    /// Takes the bytes, and calls `start` once they are free: at once, or on the thread that gives them back.
    package func acquire(_ reservation: Reservation, start: @escaping @Sendable () -> Void) {
        let isFree = self.state.withLock { state in
            if state.waiting.isEmpty, state.free >= reservation.bytes {
                state.free -= reservation.bytes
                return true
            }
            state.waiting.append((reservation.id, reservation.bytes, start))
            return false
        }
        if isFree { start() }
    }

    /// Gives a reservation back, granted or still waiting; called once for each that was acquired.
    package func release(_ reservation: Reservation) {
        let starts = self.state.withLock { state -> [@Sendable () -> Void] in
            if let index = state.waiting.firstIndex(where: { $0.id == reservation.id }) {
                state.waiting.remove(at: index)
            } else {
                state.free += reservation.bytes
            }
            var starts: [@Sendable () -> Void] = []
            while let first = state.waiting.first, first.bytes <= state.free {
                state.free -= first.bytes
                starts.append(first.start)
                state.waiting.removeFirst()
            }
            return starts
        }
        for start in starts { start() }
    }

    /// A claim on some bytes.
    package struct Reservation: Sendable {
        let id: UInt64
        let bytes: Int
    }
}
