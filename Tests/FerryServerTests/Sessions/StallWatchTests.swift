import FerryTransport
import NIOCore
import Testing

@Suite struct StallWatchTests {
    private typealias Queue = StallWatch.Queue

    private static func at(_ seconds: Int64) -> NIODeadline { .uptimeNanoseconds(1) + .seconds(seconds) }

    private var watch = StallWatch(now: at(0))

    @Test mutating func aQueueThatStandsStill() {
        let queue = Queue(bytes: 100, taken: 0, unwritten: 100)
        #expect(self.watch.look(at: queue, now: Self.at(1)) == .zero)
        #expect(self.watch.look(at: queue, now: Self.at(5)) == .seconds(4))
        #expect(self.watch.look(at: queue, now: Self.at(61)) == .seconds(60))
    }

    @Test mutating func anEmptyQueueNeverStands() {
        let queue = Queue(bytes: 0, taken: 7, unwritten: 0)
        for second in 1..<10 { #expect(self.watch.look(at: queue, now: Self.at(Int64(second))) == .zero) }
    }

    /// The window lets as much follow as was taken, so that the queue measures the same at every look.
    @Test mutating func aQueueThatIsFilledAsFastAsItDrains() {
        for second in 1..<100 {
            let queue = Queue(bytes: 4 << 20, taken: UInt64(second) << 20, unwritten: 4 << 20)
            #expect(self.watch.look(at: queue, now: Self.at(Int64(second))) == .zero)
        }
    }

    /// On a slow link one frame takes longer than the deadline; its parts are seen to go.
    @Test mutating func aFrameThatGoesInParts() {
        for second in 1..<100 {
            let queue = Queue(bytes: 1 << 20, taken: 0, unwritten: 1 << 20 - second)
            #expect(self.watch.look(at: queue, now: Self.at(Int64(second))) == .zero)
        }
    }

    @Test mutating func aNewPhaseBeginsAnew() {
        let queue = Queue(bytes: 100, taken: 0, unwritten: 100)
        _ = self.watch.look(at: queue, now: Self.at(1))
        self.watch.restart(now: Self.at(50))
        #expect(self.watch.look(at: queue, now: Self.at(51)) == .seconds(1))
    }
}
