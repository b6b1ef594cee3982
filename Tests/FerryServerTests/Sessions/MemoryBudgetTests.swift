import FerryServer
import Synchronization
import Testing

@Suite struct MemoryBudgetTests {
    /// What started, in order.
    private final class Starts: Sendable {
        private let names = Mutex<[String]>([])
        var all: [String] { self.names.withLock { $0 } }

        func start(_ name: String) -> @Sendable () -> Void {
            { self.names.withLock { $0.append(name) } }
        }
    }

    private let starts = Starts()

    @Test func whatFitsStartsAtOnceAtTheLimitAndWaitsOnePast() {
        let budget = MemoryBudget(total: 10)
        budget.acquire(budget.reservation(4), start: self.starts.start("a"))
        budget.acquire(budget.reservation(6), start: self.starts.start("b"))
        #expect(self.starts.all == ["a", "b"])
        budget.acquire(budget.reservation(1), start: self.starts.start("c"))
        #expect(self.starts.all == ["a", "b"])
    }

    @Test func waitersStartInTheOrderOfAskingOnceThereIsRoom() {
        let budget = MemoryBudget(total: 10)
        let (a, b) = (budget.reservation(6), budget.reservation(4))
        budget.acquire(a, start: self.starts.start("a"))
        budget.acquire(b, start: self.starts.start("b"))
        budget.acquire(budget.reservation(8), start: self.starts.start("large"))
        // It would fit beside b, but does not overtake.
        budget.acquire(budget.reservation(1), start: self.starts.start("small"))
        budget.release(a)
        #expect(self.starts.all == ["a", "b"])
        budget.release(b)
        #expect(self.starts.all == ["a", "b", "large", "small"])
    }

    @Test func aClaimOnMoreThanAllGetsAll() {
        let budget = MemoryBudget(total: 10)
        let all = budget.reservation(.max)
        budget.acquire(all, start: self.starts.start("all"))
        budget.acquire(budget.reservation(1), start: self.starts.start("one"))
        #expect(self.starts.all == ["all"])
        budget.release(all)
        #expect(self.starts.all == ["all", "one"])
    }

    @Test func aWaiterThatLeavesGivesNothingBackAndLetsOthersPass() {
        let budget = MemoryBudget(total: 10)
        let (a, large) = (budget.reservation(6), budget.reservation(10))
        budget.acquire(a, start: self.starts.start("a"))
        budget.acquire(large, start: self.starts.start("large"))
        budget.acquire(budget.reservation(4), start: self.starts.start("b"))
        budget.release(large)
        #expect(self.starts.all == ["a", "b"])
        budget.acquire(budget.reservation(1), start: self.starts.start("c"))
        #expect(self.starts.all == ["a", "b"])
    }

    @Test func aLargerBudgetStartsWhatWaits() {
        let budget = MemoryBudget(total: 10)
        budget.acquire(budget.reservation(8), start: self.starts.start("a"))
        budget.acquire(budget.reservation(8), start: self.starts.start("b"))
        budget.setTotal(15)
        #expect(self.starts.all == ["a"])
        budget.setTotal(16)
        #expect(self.starts.all == ["a", "b"])
        #expect(budget.used == 16)
    }

    @Test func aSmallerBudgetTakesNothingAwayAndIsKeptFromThenOn() {
        let budget = MemoryBudget(total: 20)
        let (a, b) = (budget.reservation(10), budget.reservation(10))
        budget.acquire(a, start: self.starts.start("a"))
        budget.acquire(b, start: self.starts.start("b"))
        // More than all that there will be: it gets all.
        budget.acquire(budget.reservation(10), start: self.starts.start("c"))
        budget.setTotal(5)
        budget.release(a)
        #expect(self.starts.all == ["a", "b"])
        budget.release(b)
        #expect(self.starts.all == ["a", "b", "c"])
        #expect(budget.used == 5)
    }

    @Test func aStartThatAsksForMoreDoesNotDeadlock() {
        let budget = MemoryBudget(total: 2)
        let first = budget.reservation(2)
        let starts = self.starts
        budget.acquire(first, start: {})
        budget.acquire(budget.reservation(1)) { budget.acquire(budget.reservation(1), start: starts.start("inner")) }
        budget.release(first)
        #expect(starts.all == ["inner"])
    }

    /// Whatever order threads take and give in, the sum of what is granted never exceeds the total, and all get a turn.
    @Test func manyThreads() async {
        let budget = MemoryBudget(total: 100)
        let held = Held()
        await withTaskGroup { group in
            for number in 0..<200 {
                group.addTask {
                    let bytes = number % 60 + 1
                    let reservation = budget.reservation(bytes)
                    await withCheckedContinuation { continuation in
                        budget.acquire(reservation) { continuation.resume() }
                    }
                    held.add(bytes)
                    await Task.yield()
                    held.add(-bytes)
                    budget.release(reservation)
                }
            }
        }
        #expect(held.most <= 100)
        #expect(held.now == 0)
    }

    private final class Held: Sendable {
        private let bytes = Mutex((now: 0, most: 0))
        var now: Int { self.bytes.withLock { $0.now } }
        var most: Int { self.bytes.withLock { $0.most } }

        func add(_ count: Int) {
            self.bytes.withLock { bytes in
                bytes.now += count
                bytes.most = max(bytes.most, bytes.now)
            }
        }
    }
}
