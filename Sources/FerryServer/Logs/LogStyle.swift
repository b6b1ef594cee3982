package import Logging
import Synchronization

/// How lines are logged; it may change while the daemon runs.
package final class LogStyle: Sendable {
    private let state: Mutex<(format: LineLogHandler.Format, level: Logger.Level)>

    package init(format: LineLogHandler.Format, level: Logger.Level) {
        self.state = Mutex((format, level))
    }

    /// The style that the settings ask for.
    package convenience init(_ settings: Settings.Log) {
        self.init(format: .init(settings.format), level: settings.level)
    }

    package var format: LineLogHandler.Format { self.state.withLock { $0.format } }

    /// Below it nothing is logged.
    package var level: Logger.Level { self.state.withLock { $0.level } }

    /// Changes the style of every line from now on.
    package func set(_ settings: Settings.Log) {
        self.state.withLock { $0 = (.init(settings.format), settings.level) }
    }
}

extension LineLogHandler.Format {
    fileprivate init(_ format: Settings.Log.Format) { self = format == .json ? .json : .text }
}
