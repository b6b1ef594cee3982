import FerryClient
import FerryErrors
import FerryProtocol
import FerryWire
import Foundation
import Testing

/// A listing is kept to be sorted: what it may hold is bounded by what a name may be.
@Suite struct ListingTests {
    private final class Silent: FrameSink {
        var queuedBytes: Int { 0 }
        var drainRate: Double? { nil }
        func send(_ frame: Frame) {}
        func wake() {}
    }

    @Test(arguments: [
        ("a", true), (String(repeating: "a", count: 255), true), (String(repeating: "a", count: 256), false),
        ("", false),
        ("a/b", false), ("a\0b", false),
    ])
    func onlyNamesAreTaken(_ name: String, _ isTaken: Bool) throws {
        let request = SimpleRequest(.list(path: Data("inbox".utf8)))
        var entry = WireEntry()
        entry.name = Data(name.utf8)
        let frame = Frame.entries([entry])
        if isTaken {
            try request.received(frame, sink: Silent())
        } else {
            #expect { try request.received(frame, sink: Silent()) } throws: { ($0 as? FerryError)?.code == .violation }
        }
    }
}
