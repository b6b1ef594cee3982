import FerryTransport
import NIOCore
import Testing

@Suite struct TrickleWatchTests {
    private static let patience = TimeAmount.seconds(60)

    private static func at(_ seconds: Int64) -> NIODeadline { .uptimeNanoseconds(1) + .seconds(seconds) }

    private var watch = TrickleWatch()

    /// Whether the peer is found to trickle at that second.
    private func isTrickling(_ second: Int64) -> Bool {
        self.watch.isTrickling(patience: Self.patience, now: Self.at(second))
    }

    @Test mutating func nobodyTricklesBetweenFrames() {
        #expect(!self.isTrickling(1000))
        self.watch.received(9, endsFrames: true, isAtBoundary: true, now: Self.at(1))
        #expect(!self.isTrickling(1000))
    }

    @Test mutating func aByteASecondEndsWithThePatience() {
        for second in 0..<61 as Range<Int64> {
            self.watch.received(1, endsFrames: false, isAtBoundary: false, now: Self.at(second))
            #expect(!self.isTrickling(second))
        }
        #expect(!self.isTrickling(60))
        #expect(self.isTrickling(61))
    }

    /// A block over a slow link takes longer than any deadline.
    @Test mutating func aSlowLinkMayTakeItsTime() {
        self.watch.received(300, endsFrames: false, isAtBoundary: false, now: Self.at(0))
        for second in 1..<3000 as Range<Int64> {
            self.watch.received(300, endsFrames: false, isAtBoundary: false, now: Self.at(second))
            #expect(!self.isTrickling(second))
        }
        // Then it falls asleep.
        #expect(self.isTrickling(4000))
    }

    @Test mutating func eachFrameHasATimeOfItsOwn() {
        for second in 0..<200 as Range<Int64> {
            let isWhole = second.isMultiple(of: 50)
            self.watch.received(1, endsFrames: isWhole, isAtBoundary: false, now: Self.at(second))
            #expect(!self.isTrickling(second))
        }
    }

    @Test mutating func whatIsNotReadIsNotTheirs() {
        self.watch.received(1, endsFrames: false, isAtBoundary: false, now: Self.at(0))
        self.watch.restart(now: Self.at(500))
        #expect(!self.isTrickling(560))
        #expect(self.isTrickling(561))
        self.watch.received(1, endsFrames: true, isAtBoundary: true, now: Self.at(562))
        self.watch.restart(now: Self.at(563))
        #expect(!self.isTrickling(9999))
    }
}
