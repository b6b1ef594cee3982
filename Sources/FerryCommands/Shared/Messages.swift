import FerryErrors
import FerryFiles
import FoundationEssentials

/// How a program reports a failure: one line on standard error, without colour, or one JSON object.
package struct Messages: Sendable {
    /// Also prints the code, the place and the causes.
    package var isVerbose: Bool
    /// Prints one JSON object per failure instead of a line for people.
    package var isJSON: Bool
    private let program: String

    /// - Parameters:
    ///   - program: `ferry` or `ferryd`.
    ///   - isVerbose: whether to print details.
    ///   - isJSON: whether to print JSON.
    package init(program: String, isVerbose: Bool = false, isJSON: Bool = false) {
        self.program = program
        self.isVerbose = isVerbose
        self.isJSON = isJSON
    }

    /// What is printed for an error, without the line end of the last line.
    ///
    /// - Parameters:
    ///   - error: what ended a command, or kept it from one file.
    ///   - subject: what it was about, such as a file's name as it came, if the error does not say.
    /// - Returns: `program: subject: message; remedy`, or JSON with the members `code`, `exit`, `message`, `origin`,
    ///   `program`, and, where there is something to say, `details`, `remedy` and `subject`.
    package func text(for error: any Error, about subject: String? = nil) -> String {
        let error = Self.shaped(error)
        if self.isJSON { return self.json(for: error, about: subject) }
        var line = "\(self.program): "
        if let subject { line += Escaping.escape(subject) + ": " }
        line += Self.oneLine(error.description)
        if self.isVerbose { line += "\n  " + error.details }
        return line
    }

    /// Prints an error on standard error, and nothing if that is closed.
    ///
    /// - Parameters:
    ///   - error: what ended a command, or kept it from one file.
    ///   - subject: what it was about, if the error does not say.
    package func report(_ error: any Error, about subject: String? = nil) {
        StandardError.write(self.text(for: error, about: subject))
    }

    private func json(for error: FerryError, about subject: String?) -> String {
        let record = Record(
            code: error.code.rawValue,
            details: self.isVerbose ? error.details : nil,
            exit: ExitStatus(error).rawValue,
            message: Self.oneLine(error.message),
            origin: error.origin == .local ? "local" : "remote",
            program: self.program,
            remedy: error.remedy.map(Self.oneLine),
            subject: subject.map { Escaping.escape($0) }
        )
        return JSONLine.encode(["error": record])
    }

    private struct Record: Encodable {
        let code: String
        let details: String?
        let exit: Int32
        let message: String
        let origin: String
        let program: String
        let remedy: String?
        let subject: String?
    }

    /// Errors of other libraries in the house's shape.
    private static func shaped(_ error: any Error) -> FerryError {
        switch error {
        case let error as FerryError: error
        case is CancellationError: FerryError(.cancelled, "cancelled")
        default: FerryError(.internalError, "\(error)", cause: error)
        }
    }

    /// Messages are one line by contract; an error of another library may not know that.
    private static func oneLine(_ text: String) -> String {
        text.contains(where: \.isNewline) ? Escaping.escape(text) : text
    }
}

/// One JSON object on one line, members in alphabetical order.
enum JSONLine {
    static func encode(_ value: some Encodable) -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        guard let data = try? encoder.encode(value) else { return "{}" }
        return String(decoding: data, as: UTF8.self)
    }
}

/// Standard error, for whole lines.
enum StandardError {
    /// The descriptor is the process's own: it is never closed, as a static value is never deinitialised.
    private static let sink = StreamSink(Descriptor(adopting: 2), name: "standard error")

    /// Writes `line` and its end in one piece; a reader that has gone is nobody to tell.
    static func write(_ line: String, terminator: String = "\n") {
        let bytes = Array((line + terminator).utf8)
        bytes.withUnsafeBytes { try? Self.sink.write($0) }
    }
}
