import FerryServer
import Logging
import Synchronization

/// A daemon's log, kept in memory, whose lines can be waited for.
final class LogLines: Sendable {
    private struct State {
        var lines: [String] = []
        var waiting: [(parts: [String], found: CheckedContinuation<String, Never>)] = []
    }

    private let state = Mutex(State())

    /// All lines so far that contain each of `parts`.
    func lines(with parts: String...) -> [String] {
        self.state.withLock { $0.lines.filter { Self.matches($0, parts) } }
    }

    /// The first line that contains each of `parts`, now or later.
    func line(with parts: String...) async -> String {
        await withCheckedContinuation { found in
            let line = self.state.withLock { state -> String? in
                if let line = state.lines.first(where: { Self.matches($0, parts) }) { return line }
                state.waiting.append((parts, found))
                return nil
            }
            if let line { found.resume(returning: line) }
        }
    }

    var logger: Logger {
        Logger(label: "ferryd") { _ in
            LineLogHandler(format: .text, level: .info, clock: { "-" }, write: { self.append($0) })
        }
    }

    private func append(_ line: String) {
        let found = self.state.withLock { state in
            state.lines.append(line)
            let found = state.waiting.filter { Self.matches(line, $0.parts) }.map(\.found)
            state.waiting.removeAll { Self.matches(line, $0.parts) }
            return found
        }
        for continuation in found { continuation.resume(returning: line) }
    }

    private static func matches(_ line: String, _ parts: [String]) -> Bool { parts.allSatisfy(line.contains) }
}
