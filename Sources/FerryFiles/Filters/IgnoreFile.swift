package import FerryErrors

/// The patterns of a `.ferryignore`, or of a file that a command names; the last one that matches wins.
package struct IgnoreFile: Sendable {
    /// How files are called that are heeded where they lie in a tree.
    package static let name: [UInt8] = Array(".ferryignore".utf8)
    /// Bytes of a file at most.
    package static let maximumSize = 1 << 20
    /// Patterns of a file at most; blank lines and comments are none.
    package static let maximumPatterns = 65_536

    /// In the order of the file.
    package let patterns: [IgnorePattern]
    /// Bytes of the file.
    let size: Int

    /// Reads the lines as git does: one carriage return before a line's end goes, and so does a byte order mark at the start.
    ///
    /// - Parameters:
    ///   - content: the whole file; one byte past ``maximumSize`` is enough to refuse it.
    ///   - file: what it is called in messages, escaped already.
    /// - Throws: `configuration`, with file and line, if it is past a limit or contains NUL.
    package init(_ content: [UInt8], named file: String) throws(FerryError) {
        guard content.count <= Self.maximumSize else {
            throw FerryError(.configuration, "\(file): patterns take more than \(Self.maximumSize) bytes")
        }
        var patterns: [IgnorePattern] = []
        for (number, line) in Lines(content) {
            if let fault = IgnorePattern.fault(line) {
                throw FerryError(.configuration, "\(file):\(number): the line \(fault)")
            }
            guard let pattern = IgnorePattern(line: line) else { continue }
            guard patterns.count < Self.maximumPatterns else {
                throw FerryError(
                    .configuration,
                    "\(file):\(number): there are more than \(Self.maximumPatterns) patterns"
                )
            }
            patterns.append(pattern)
        }
        self.patterns = patterns
        self.size = content.count
    }
}
