import FerryErrors
import Glibc

/// What commands ask of a terminal; this file alone knows termios.
enum Terminal {
    /// Whether standard input is a terminal.
    static var isInput: Bool { isatty(STDIN_FILENO) == 1 }

    /// Asks on standard error and reads a line from the terminal on standard input without showing it.
    ///
    /// The terminal is taken out of line mode, so that Ctrl-C arrives as a byte and the terminal can be set back:
    /// a signal would leave it without echo.
    ///
    /// - Parameters:
    ///   - prompt: what to ask.
    ///   - limit: bytes that are kept of the line; one more shows that it was longer.
    /// - Returns: the line without its end.
    /// - Throws: `.cancelled` on Ctrl-C, `.inputOutput` if the terminal cannot be set up or has gone.
    static func readSecret(_ prompt: String, limit: Int) throws(FerryError) -> String {
        var saved = termios()
        guard tcgetattr(STDIN_FILENO, &saved) == 0 else {
            throw FerryError(.inputOutput, "cannot set up the terminal")
        }
        var quiet = saved
        quiet.c_lflag &= ~tcflag_t(ECHO | ICANON | ISIG)
        // TCSAFLUSH drops what was typed before the question.
        guard tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet) == 0 else {
            throw FerryError(.inputOutput, "cannot set up the terminal")
        }
        defer { tcsetattr(STDIN_FILENO, TCSAFLUSH, &saved) }
        StandardError.write(prompt, terminator: "")
        defer { StandardError.write("") }
        var editor = SecretEditor(limit: limit)
        while true {
            var byte: UInt8 = 0
            let count = read(STDIN_FILENO, &byte, 1)
            if count < 0, errno == EINTR { continue }
            guard count == 1 else { throw FerryError(.inputOutput, "the terminal has gone") }
            switch editor.typed(byte) {
            case .more: continue
            case .done(let line): return line
            case .cancelled: throw FerryError(.cancelled, "cancelled")
            }
        }
    }
}

/// The little of line editing that an invisible line needs.
struct SecretEditor {
    enum Step: Equatable {
        case more
        case done(String)
        case cancelled
    }

    private let limit: Int
    private var line: [UInt8] = []

    init(limit: Int) { self.limit = limit }

    /// Takes one byte from the terminal.
    mutating func typed(_ byte: UInt8) -> Step {
        switch byte {
        case UInt8(ascii: "\n"), UInt8(ascii: "\r"), 0x04:
            return .done(String(decoding: self.line, as: UTF8.self))
        case 0x03:
            return .cancelled
        case 0x08, 0x7F:
            _ = self.line.popLast()
        case 0x15:
            self.line.removeAll()
        default:
            if self.line.count <= self.limit { self.line.append(byte) }
        }
        return .more
    }
}
