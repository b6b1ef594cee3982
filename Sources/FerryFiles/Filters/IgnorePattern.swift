package import FerryErrors

/// One pattern with the syntax of gitignore(5), over bytes.
package struct IgnorePattern: Sendable {
    /// Bytes that a line or an argument has at most.
    package static let maximumLength = 4096

    /// Whether it takes back what patterns before it exclude: `!pattern`.
    package private(set) var isNegated: Bool
    /// Whether it is about directories only: `pattern/`.
    package let isDirectoryOnly: Bool
    /// Whether it is about the path from the directory where it stands, not about names at any depth: there is a slash at
    /// its start or in its middle.
    package let isAnchored: Bool
    /// As it was written, without what has no meaning; an argument with these bytes is the same pattern.
    package let text: [UInt8]
    /// None if it can never match.
    let steps: [PathStep]

    /// Whether there is anything that it could match; git passes over such patterns in silence.
    package var canMatch: Bool { !self.steps.isEmpty }

    /// A pattern on its own: `#` and spaces at the end have no meaning.
    ///
    /// - Parameter text: an argument.
    /// - Throws: `usage` if it is longer than ``maximumLength``, contains NUL, or can never match.
    package init(_ text: some Collection<UInt8>) throws(FerryError) {
        let text = Array(text)
        if let fault = Self.fault(text[...]) {
            throw FerryError(.usage, "the pattern \(Escaping.escape(text.prefix(64))) \(fault)")
        }
        self.init(unchecked: text[...])
        guard self.canMatch else {
            throw FerryError(
                .usage,
                "the pattern \"\(Escaping.escape(text))\" can never match",
                remedy: "a bracket must be closed, a backslash stands before a character, and no name is empty, . or .."
            )
        }
    }

    /// A line of a file, without its end; nil if it is blank or a comment.
    init?(line: ArraySlice<UInt8>) {
        guard !line.isEmpty, line.first != UInt8(ascii: "#") else { return nil }
        let text = Self.withoutSpacesAtTheEnd(line)
        guard !text.isEmpty else { return nil }
        self.init(unchecked: text)
    }

    private init(unchecked text: ArraySlice<UInt8>) {
        var text = text
        self.text = Array(text)
        self.isNegated = text.first == UInt8(ascii: "!")
        if self.isNegated { text = text.dropFirst() }
        self.isDirectoryOnly = text.last == UInt8(ascii: "/")
        if self.isDirectoryOnly { text = text.dropLast() }
        self.isAnchored = text.contains(UInt8(ascii: "/"))
        if text.first == UInt8(ascii: "/") { text = text.dropFirst() }
        self.steps = PathStep.parse(text) ?? []
    }

    /// The pattern that includes what this one excludes, and the other way round.
    package var negated: IgnorePattern {
        var pattern = self
        pattern.isNegated.toggle()
        return pattern
    }

    /// What is wrong with a text before anything in it is looked at; nil if nothing is.
    static func fault(_ text: ArraySlice<UInt8>) -> String? {
        if text.count > Self.maximumLength { return "is longer than \(Self.maximumLength) bytes" }
        if text.contains(0) { return "contains a NUL byte" }
        return nil
    }

    /// Spaces behind the last other character go; a backslash keeps the one behind it.
    private static func withoutSpacesAtTheEnd(_ line: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        var (index, end) = (line.startIndex, line.startIndex)
        while index < line.endIndex {
            switch line[index] {
            case UInt8(ascii: " "): index += 1
            case UInt8(ascii: "\\"):
                index = min(index + 2, line.endIndex)
                end = index
            default:
                index += 1
                end = index
            }
        }
        return line[..<end]
    }
}
