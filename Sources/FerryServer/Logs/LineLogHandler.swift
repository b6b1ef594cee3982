import FerryErrors
package import Logging
import Synchronization

/// One line for each event on a stream: `TIME LEVEL MESSAGE key=value …` in a fixed order of keys, or one JSON object.
///
/// Values are escaped, so that nothing from outside begins a line of its own.
package struct LineLogHandler: LogHandler {
    package enum Format: String, Sendable { case text, json }

    package var metadata: Logger.Metadata = [:]
    private let style: LogStyle
    /// Set for this logger alone.
    private var ownLevel: Logger.Level?
    private let clock: @Sendable () -> String
    private let write: @Sendable (String) -> Void

    /// - Parameters:
    ///   - style: of each line; looked at anew for each.
    ///   - clock: the time as text; RFC 3339 in UTC.
    ///   - write: takes a line with its end.
    package init(
        style: LogStyle,
        clock: @escaping @Sendable () -> String,
        write: @escaping @Sendable (String) -> Void
    ) {
        self.style = style
        self.clock = clock
        self.write = write
    }

    /// A handler whose style stays; parameters as for the other one.
    package init(
        format: Format,
        level: Logger.Level,
        clock: @escaping @Sendable () -> String,
        write: @escaping @Sendable (String) -> Void
    ) {
        self.init(style: LogStyle(format: format, level: level), clock: clock, write: write)
    }

    package var logLevel: Logger.Level {
        get { self.ownLevel ?? self.style.level }
        set { self.ownLevel = newValue }
    }

    package subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { self.metadata[key] }
        set { self.metadata[key] = newValue }
    }

    package func log(event: LogEvent) {
        let fields = self.metadata.merging(event.metadata ?? [:]) { _, new in new }
            .map { (key: $0.key, value: "\($0.value)") }
            .sorted { $0.key < $1.key }
        let level = event.level
        let message = "\(event.message)"
        switch self.style.format {
        case .text:
            let text = fields.map { "\($0.key)=\(Self.quoted($0.value))" }.joined(separator: " ")
            self.write("\(self.clock()) \(level) \(Escaping.escape(message))\(text.isEmpty ? "" : " ")\(text)\n")
        case .json:
            let first = [("time", self.clock()), ("level", "\(level)"), ("message", message)]
            let members = (first + fields).map { "\(Self.json($0.0)):\(Self.json($0.1))" }
            self.write("{\(members.joined(separator: ","))}\n")
        }
    }

    /// What was escaped before (paths) is not escaped twice: a backslash stays as it is.
    private static func quoted(_ value: String) -> String {
        var safe = ""
        var isPlain = !value.isEmpty
        // By scalars: a quote followed by a combining mark is one character, and still ends a quoted value.
        for scalar in value.unicodeScalars {
            if scalar == " " || scalar == "\"" || scalar == "=" { isPlain = false }
            switch scalar {
            case "\"": safe += "\\\""
            case "\\": safe += "\\"
            default: safe += Escaping.escape(String(scalar))
            }
        }
        return isPlain ? safe : "\"\(safe)\""
    }

    /// A JSON string (RFC 8259 §7) in which what a terminal might obey is escaped too.
    private static func json(_ text: String) -> String {
        var output = "\""
        for scalar in text.unicodeScalars {
            let character = String(scalar)
            switch scalar {
            case "\"": output += "\\\""
            case "\\": output += "\\\\"
            case _ where Escaping.escape(character) != character:
                let digits = String(scalar.value, radix: 16)
                output += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: output += character
            }
        }
        return output + "\""
    }
}
