import FerryTransport
import NIOCore
import Testing

@Suite struct ProgressWatchTests {
    private static func at(_ seconds: Int64) -> NIODeadline { .uptimeNanoseconds(1) + .seconds(seconds) }

    private var watch = ProgressWatch()

    @Test mutating func theSameTurn() {
        #expect(self.watch.look(at: Self.at(0), now: Self.at(1)) == .zero)
        #expect(self.watch.look(at: Self.at(0), now: Self.at(9)) == .seconds(8))
    }

    @Test mutating func aFrameOrAnEmptiedQueueBeginsANewTurn() {
        _ = self.watch.look(at: Self.at(0), now: Self.at(1))
        #expect(self.watch.look(at: Self.at(8), now: Self.at(9)) == .zero)
        #expect(self.watch.look(at: nil, now: Self.at(10)) == .zero)
        #expect(self.watch.look(at: Self.at(8), now: Self.at(11)) == .zero)
        #expect(self.watch.look(at: Self.at(8), now: Self.at(12)) == .seconds(1))
    }

    @Test mutating func whatThisSideRestedIsNotHeldAgainstThePeer() {
        _ = self.watch.look(at: Self.at(0), now: Self.at(1))
        self.watch.rested(.seconds(5))
        #expect(self.watch.look(at: Self.at(0), now: Self.at(9)) == .seconds(3))
    }
}
