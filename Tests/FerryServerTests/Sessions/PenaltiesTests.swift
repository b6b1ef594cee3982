import FerryServer
import NIOCore
import Testing

@Suite struct PenaltiesTests {
    @Test func eachFailureDoublesTheWaitUpToTheMost() {
        let penalties = Penalties(first: .seconds(1), most: .seconds(10))
        let waits = (0..<6).map { _ in penalties.failed("192.0.2.1") }
        #expect(waits == [.seconds(1), .seconds(2), .seconds(4), .seconds(8), .seconds(10), .seconds(10)])
    }

    @Test func addressesAreCountedApart() {
        let penalties = Penalties(first: .seconds(1), most: .seconds(10))
        _ = penalties.failed("192.0.2.1")
        #expect(penalties.failed("192.0.2.2") == .seconds(1))
        #expect(penalties.failed("192.0.2.1") == .seconds(2))
    }

    @Test func aLoginThatSucceedsForgets() {
        let penalties = Penalties(first: .seconds(1), most: .seconds(10))
        _ = penalties.failed("192.0.2.1")
        penalties.succeeded("192.0.2.1")
        #expect(penalties.failed("192.0.2.1") == .seconds(1))
    }

    @Test func anyNumberOfFailuresOverflowsNothing() {
        let penalties = Penalties(first: .hours(100), most: .hours(1000))
        for _ in 0..<100 { _ = penalties.failed("a") }
        #expect(penalties.failed("a") == .hours(1000))
    }

    @Test func zeroTurnsItOff() {
        let penalties = Penalties(first: .zero, most: .seconds(60))
        for _ in 0..<40 { #expect(penalties.failed("a") == .zero) }
    }

    /// A handshake deadline below a second leaves no time at all.
    @Test func aMostBelowZeroWaitsNotAtAll() {
        #expect(Penalties(first: .seconds(1), most: .milliseconds(-700)).failed("a") <= .zero)
    }

    @Test func theTableIsBoundedAndStartsAnewPastItsCapacity() {
        let penalties = Penalties(first: .seconds(1), most: .hours(1))
        for number in 0..<Penalties.capacity { _ = penalties.failed("\(number)") }
        // At the capacity those known are still counted.
        #expect(penalties.failed("0") == .seconds(2))
        _ = penalties.failed("one more")
        #expect(penalties.failed("0") == .seconds(1))
    }
}
