import FerryTransport
import NIOCore
import Testing

@Suite struct TokenBucketTests {
    private static func at(_ milliseconds: Int64) -> NIODeadline {
        .uptimeNanoseconds(3_600_000_000_000) + .milliseconds(milliseconds)
    }

    private var bucket = TokenBucket()

    /// 32,000 bytes per second: a burst is 1000 bytes.
    private mutating func take(_ bytes: Int, at milliseconds: Int64) -> NIODeadline {
        self.bucket.take(bytes, rate: 32_000, now: Self.at(milliseconds))
    }

    @Test mutating func aBurstGoesAtOnceAndOneByteMoreDoesNot() {
        #expect(self.take(1000, at: 0) <= Self.at(0))
        #expect(self.take(1, at: 0) > Self.at(0))
    }

    @Test mutating func restSavesNoMoreThanABurst() {
        #expect(self.take(1000, at: 0) <= Self.at(0))
        #expect(self.take(1000, at: 3_600_000) <= Self.at(3_600_000))
        #expect(self.take(32, at: 3_600_000) == Self.at(3_600_001))
    }

    @Test mutating func whatIsTakenAtOnceIsPaidInOrder() {
        _ = self.take(1000, at: 0)
        for number in 1...100 { #expect(self.take(320, at: 0) == Self.at(Int64(number) * 10)) }
    }

    /// Whatever sizes are taken whenever the last are paid for: no second has more than its bytes and a burst.
    @Test mutating func theRateHoldsOverEverySecond() {
        var generator = SystemRandomNumberGenerator()
        var passed: [(time: NIODeadline, bytes: Int)] = []
        var now = Self.at(0)
        while now < Self.at(20_000) {
            let bytes = Int.random(in: 1...1000, using: &generator)
            now = max(now, self.bucket.take(bytes, rate: 32_000, now: now))
            passed.append((now, bytes))
            // Sometimes nobody asks for a while.
            if bytes.isMultiple(of: 97) { now = now + .milliseconds(Int64(bytes)) }
        }
        for (index, first) in passed.enumerated() {
            let second = passed[index...].prefix { $0.time < first.time + .seconds(1) }
            // The piece that the second begins with was paid for before.
            #expect(second.map(\.bytes).reduce(0, +) <= 32_000 + 1000 + 1000)
        }
    }

    /// One that always asks gets what the rate allows, though its timers come late.
    @Test mutating func lateTimersLoseNothing() {
        var now = Self.at(0)
        var sum = 0
        while now < Self.at(10_000) {
            let paid = self.bucket.take(TokenBucket.piece(rate: 32_000), rate: 32_000, now: now)
            sum += 1000
            now = max(now, paid) + .milliseconds(5)
        }
        #expect((316_000...324_000).contains(sum))
    }

    @Test(arguments: [(1, 1), (32, 1), (64, 2), (1 << 20, 32 << 10), (1 << 40, 32 << 30)])
    func piecesAreAsLargeAsABurst(_ rate: Int, _ piece: Int) {
        #expect(TokenBucket.piece(rate: rate) == piece)
    }

    @Test mutating func noAmountOverflows() {
        #expect(self.bucket.take(.max, rate: 1, now: Self.at(0)) > Self.at(1_000_000_000))
    }
}
