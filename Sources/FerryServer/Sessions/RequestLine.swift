import FerryCatalog
import FerryErrors
import FerryProtocol
import FerryTransfer
import Logging
import NIOCore

/// The line that the log gets for a request.
struct RequestLine {
    let session: String
    let user: Name?
    let request: RequestName
    let begun: NIODeadline

    func log(_ outcome: Outcome, to log: Logger) {
        var metadata: Logger.Metadata = [
            "session": "\(self.session)", "user": "\(self.user?.text ?? "-")", "path": "\(self.request.path)",
            "seconds": "\(Self.seconds(since: self.begun))",
        ]
        switch outcome {
        case .finished(let summary), .failed(_, let summary):
            if self.request.isTransfer {
                metadata["bytes"] = "\(summary.bytes)"
                metadata["wire"] = "\(summary.wireBytes)"
                metadata["ratio"] = "\(Self.ratio(summary))"
            }
        case .refused: break
        }
        switch outcome {
        case .finished: log.info("\(self.request.verb)", metadata: metadata)
        case .failed(let error, _) where error.code == .staleStates:
            // The client remembered of the last backup what was lost since: it begins once more at once.
            log.info("\(self.request.verb) begins again", metadata: metadata)
        case .refused(let error), .failed(let error, _):
            metadata["error"] = "\(error.message)"
            // A client asks for what may not be there: whether a push would replace something, say.
            let level: Logger.Level = if case .refused = outcome, error.code == .notFound { .info } else { .warning }
            log.log(level: level, "\(self.request.verb) failed", metadata: metadata)
        }
    }

    /// The time since then, to the millisecond.
    static func seconds(since start: NIODeadline) -> String {
        let milliseconds = (NIODeadline.now() - start).nanoseconds / 1_000_000
        return "\(milliseconds / 1000).\(String(milliseconds % 1000 + 1000).dropFirst())"
    }

    /// Bytes of the file for each byte that travelled, to two digits.
    private static func ratio(_ summary: TransferSummary) -> String {
        guard summary.wireBytes > 0 else { return "-" }
        let hundredths = UInt64((Double(summary.bytes) / Double(summary.wireBytes) * 100).rounded())
        return "\(hundredths / 100).\(String(hundredths % 100 + 100).dropFirst())"
    }
}
