import FerryWire
import Foundation
import Testing

/// Days and moments as users write them.
struct MomentTextTests {
    /// 2026-01-31, at the beginning of the day.
    private static let start: Int64 = 1_769_817_600
    private static let day: Int64 = 86_400
    private static let now = Date(timeIntervalSince1970: Double(start) + 12 * 3600 + 0.5)

    @Test(
        arguments: [
            ("2026-01-31", 0, 86_400), ("today", 0, 86_400), ("yesterday", -86_400, 0), ("2026-02-01", 86_400, 172_800),
            ("2026-01-31T12:00", 43_200, 43_260), ("2026-01-31T12:00Z", 43_200, 43_260),
            ("2026-01-31T12:00:30", 43_230, 43_231), ("2026-01-31T23:59:60Z", 86_400, 86_401),
        ] as [(String, Int64, Int64)]
    ) func whatIsADayOrAMoment(_ text: String, _ first: Int64, _ end: Int64) {
        #expect(MomentText.parse(text, now: Self.now) == Self.start + first..<Self.start + end)
    }

    @Test(
        arguments: [
            "2026-02-30", "2026-02-29", "2026-00-01", "2026-13-01", "2026-01-00", "0000-01-01", "1969-12-31",
            "2026-01-31T",
            "2026-01-31T24:00", "2026-01-31T12:60", "2026-01-31T1:00", "2026-01-31T12:00:61", "2026-01-31T12:00:00:00",
            "2026-01-31TZ", "2026-01-31T+1:00",
        ]
    ) func whatIsMeantAsOneAndIsNone(_ text: String) {
        #expect(MomentText.parse(text) == nil && MomentText.isMeant(by: text), "\(text)")
    }

    @Test(
        arguments: [
            "", "2026", "2026-1-31", "2026-01-31-nightly", "2026-01-31 12:00", "+026-01-31", "2026-01-31Z", "nightly",
            "Today",
            "２０２６-01-31", "yesterdayy",
        ]
    ) func whatIsSomethingElse(_ text: String) {
        #expect(MomentText.parse(text) == nil && !MomentText.isMeant(by: text), "\(text)")
    }
}
