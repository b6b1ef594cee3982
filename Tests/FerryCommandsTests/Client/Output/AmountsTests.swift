import FerryCommands
import Testing

@Suite struct AmountsTests {
    @Test(arguments: [
        (0, "0 B"), (1, "1 B"), (999, "999 B"), (1000, "1.0 kB"), (1049, "1.0 kB"), (1050, "1.1 kB"), (9949, "9.9 kB"),
        (9950, "10 kB"), (999_499, "999 kB"), (999_500, "1.0 MB"), (1_234_567_890, "1.2 GB"),
        (UInt64.max, "18 EB"),
    ])
    func bytes(_ count: UInt64, _ text: String) { #expect(Amounts.bytes(count) == text) }

    @Test(arguments: [
        (0, "0 B/s"), (512e6, "512 MB/s"), (-1, "0 B/s"), (.nan, "0 B/s"), (.infinity, "0 B/s"), (1e19, "0 B/s"),
    ])
    func rates(_ value: Double, _ text: String) { #expect(Amounts.rate(value) == text) }

    @Test(arguments: [
        (0, "0:00"), (0.1, "0:01"), (59, "0:59"), (59.5, "1:00"), (754, "12:34"), (3723, "1:02:03"),
        (86_399, "23:59:59"), (86_400, ">24h"), (.infinity, ">24h"), (.nan, ">24h"), (-5, "0:00"),
    ])
    func countdowns(_ seconds: Double, _ text: String) { #expect(Amounts.countdown(seconds) == text) }

    @Test(arguments: [
        (0, "0 ms"), (0.0034, "3 ms"), (0.9994, "999 ms"), (0.9996, "1.00 s"), (9.99, "9.99 s"), (9.996, "10.0 s"),
        (59.94, "59.9 s"), (59.96, "60 s"), (7200, "7200 s"),
    ])
    func durations(_ seconds: Double, _ text: String) { #expect(Amounts.duration(seconds) == text) }

    @Test func ratios() {
        #expect(Amounts.ratio(bytes: 1, wireBytes: 0) == nil)
        #expect(Amounts.ratio(bytes: 3, wireBytes: 2) == 1.5)
        #expect(Amounts.shown(nil) == "-")
        #expect(Amounts.shown(1) == "1.00")
        #expect(Amounts.shown(9.996) == "10.0")
        #expect(Amounts.shown(99.96) == "100")
        #expect(Amounts.shown(.infinity) == "1000000000")
    }
}

@Suite struct RateMeterTests {
    @Test func looksBackFiveSeconds() throws {
        var meter = RateMeter()
        #expect(meter.rate(0, at: 0) == 0)
        #expect(meter.remaining(10, from: 0, at: 0) == nil)
        // 100 bytes a second for 10 s, then 1000 a second.
        for tick in 0...100 { meter.add(UInt64(tick * 10), at: Double(tick) / 10) }
        #expect(abs(meter.rate(1000, at: 10) - 100) < 1e-6)
        for tick in 1...60 { meter.add(UInt64(1000 + tick * 100), at: 10 + Double(tick) / 10) }
        #expect(abs(meter.rate(7000, at: 16) - 1000) < 1)
        let remaining = try #require(meter.remaining(500, from: 7000, at: 16))
        #expect(abs(remaining - 0.5) < 1e-3)
    }

    @Test func aStallIsSeen() {
        var meter = RateMeter()
        meter.add(0, at: 0)
        meter.add(1000, at: 1)
        for second in 2...20 { meter.add(1000, at: Double(second)) }
        #expect(meter.rate(1000, at: 20) == 0)
    }
}
