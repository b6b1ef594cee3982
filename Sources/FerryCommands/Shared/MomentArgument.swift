import FerryErrors
import FerryWire
import FoundationEssentials

/// A moment on the command line: a span from now such as `90d`, or a day or a moment such as `2027-01-31`.
struct MomentArgument: Equatable, Sendable {
    /// Seconds in each unit of a span.
    private static let units: [Character: Int64] = ["m": 60, "h": 3600, "d": 86_400, "w": 604_800]

    private enum Form: Equatable {
        case span(Int64)
        case moment(Int64)
    }
    private let form: Form

    /// Parses a whole number and `m`, `h`, `d` or `w`, or what ``MomentText`` takes, which is meant from its first second.
    ///
    /// - Throws: `.usage` for anything else.
    init(_ text: String) throws(FerryError) {
        if let unit = text.last.flatMap({ Self.units[$0] }), let count = Self.number(text.dropLast()) {
            let (seconds, overflow) = count.multipliedReportingOverflow(by: unit)
            // A century is as good as never, and keeps the sum with the time of day far from overflow.
            if !overflow, seconds > 0, seconds <= 36_525 * 86_400 {
                self.form = .span(seconds)
                return
            }
        } else if let moment = MomentText.parse(text) {
            self.form = .moment(moment.lowerBound)
            return
        }
        throw FerryError(
            .usage,
            "'\(Escaping.escape(text))' is no time",
            remedy: "write a span such as 90d, 12h or 2w, or \(MomentText.forms)"
        )
    }

    /// Unix seconds.
    func seconds(after now: Int64) -> Int64 {
        switch self.form {
        case .span(let span): now + span
        case .moment(let moment): moment
        }
    }

    /// Unix seconds, a span counted from this moment.
    var seconds: Int64 { self.seconds(after: Int64(Date.now.timeIntervalSince1970)) }

    /// Unix seconds, a span counted back from this moment.
    var past: Int64 {
        let now = Int64(Date.now.timeIntervalSince1970)
        return switch self.form {
        case .span(let span): now - span
        case .moment(let moment): moment
        }
    }

    private static func number(_ text: Substring) -> Int64? {
        guard text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
        return Int64(text)
    }
}
