import FerryServer
import FoundationEssentials
import Glibc
import Logging
import Synchronization

/// The daemon's log on standard error, a line at a time.
enum DaemonLog {
    static func make(_ style: LogStyle) -> Logger {
        let handler = LineLogHandler(
            style: style,
            clock: { Date.now.formatted(Date.ISO8601FormatStyle(includingFractionalSeconds: true)) },
            write: { line in
                var line = line
                // One write for each line, so that lines of several threads do not mix.
                line.withUTF8 { bytes in _ = Glibc.write(STDERR_FILENO, bytes.baseAddress, bytes.count) }
            }
        )
        return Logger(label: "ferryd") { _ in handler }
    }
}
