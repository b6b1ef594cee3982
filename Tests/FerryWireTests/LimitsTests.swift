import FerryErrors
import FerryWire
import Testing

struct LimitsTests {
    @Test func whatOneSideAnnouncesTheOtherReads() throws {
        for limits in [FrameLimits(), FrameLimits(blockWindow: 1 << 20, nameWindow: 16)] {
            #expect(try FrameLimits(peer: limits.message) == limits)
        }
    }

    @Test func largerLimitsAreNotUsed() throws {
        let limits = try FrameLimits(
            peer: make(WireLimits()) {
                $0.header = .max
                $0.payload = .max
                $0.blockWindow = .max
                $0.nameWindow = .max
            }
        )
        #expect(limits == FrameLimits(blockWindow: 64 << 20, nameWindow: 1 << 16))
    }

    @Test(arguments: [
        FrameLimits(header: (64 << 10) - 1), FrameLimits(payload: (1 << 20) - 1),
        FrameLimits(blockWindow: (1 << 20) - 1),
        FrameLimits(nameWindow: 15), .beforeHello,
    ])
    func limitsBelowTheMinimumAreRefused(_ limits: FrameLimits) {
        #expect { try FrameLimits(peer: limits.message) } throws: { error in
            guard let error = error as? FerryError else { return false }
            return error.code == .limit && !error.message.contains("\n")
        }
    }

    /// What a receiver withholds must leave room for the largest block, or both sides wait for ever.
    @Test(arguments: [1 << 20, (1 << 20) + 1, 5 << 18, 4 << 20, 64 << 20])
    func creditReturnsBeforeTheWindowIsTooSmallForABlock(_ window: Int) {
        let limits = FrameLimits(blockWindow: window)
        let withheld = max(0, limits.creditStep - 1)
        #expect(withheld + limits.payload <= window)
        #expect(limits.creditStep <= window / 4)
    }
}
