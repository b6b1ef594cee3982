import Foundation

/// The examples of `Docs/protocol.md`, read from the page itself.
enum ProtocolPage {
    struct Example {
        let name: String
        /// Every byte of the frame.
        var bytes: [UInt8]
    }

    /// Returns the frames of all ```` ```hex ```` blocks: hexadecimal bytes, comments after a semicolon; a comment that
    /// begins with an arrow names the frame that begins on its line.
    static func examples() throws -> [Example] {
        var examples: [Example] = []
        for block in try Self.text().components(separatedBy: "```hex\n").dropFirst() {
            for line in block.prefix(upTo: block.range(of: "```")?.lowerBound ?? block.endIndex).split(separator: "\n")
            {
                let parts = line.split(separator: ";", maxSplits: 1)
                let words = parts.dropFirst().first?.split(separator: " ") ?? []
                if let arrow = words.first, "→←⇄".contains(arrow) {
                    examples.append(Example(name: words.dropFirst().joined(separator: " "), bytes: []))
                }
                for digits in parts[0].split(separator: " ") {
                    guard let byte = UInt8(digits, radix: 16), digits.count == 2, !examples.isEmpty else {
                        throw Malformed(line: String(line))
                    }
                    examples[examples.count - 1].bytes.append(byte)
                }
            }
        }
        return examples
    }

    struct Malformed: Error { let line: String }

    private static func text() throws -> String {
        var repository = URL(fileURLWithPath: #filePath)
        for _ in 0..<4 { repository.deleteLastPathComponent() }
        return try String(contentsOf: repository.appendingPathComponent("Docs/protocol.md"), encoding: .utf8)
    }
}
