import Foundation

/// Inputs for one parser, as they are committed: `Tests/FerryFuzzTests/Corpus/NAME`, and in `regressions` beside them
/// those that a bug was found with.
///
/// A file is an input; one whose name ends in `.hex` holds it as hexadecimal bytes, with comments after a semicolon.
package struct Corpus: Sendable {
    package struct Input: Sendable {
        package let name: String
        package let bytes: [UInt8]
    }

    package let name: String
    package let inputs: [Input]

    /// - Parameter name: of the folder.
    /// - Throws: ``Malformed`` for what is not hexadecimal, and for a folder without inputs.
    package init(_ name: String) throws {
        let folder = Self.place(name)
        let files = try FileManager.default.subpathsOfDirectory(atPath: folder.path).sorted()
        self.name = name
        self.inputs = try files.compactMap { file in
            let url = folder.appendingPathComponent(file)
            guard !url.hasDirectoryPath, !file.hasSuffix("regressions") else { return nil }
            let data = try Data(contentsOf: url)
            return Input(name: file, bytes: file.hasSuffix(".hex") ? try Self.parse(data, file) : Array(data))
        }
        guard !self.inputs.isEmpty else { throw Malformed(place: folder.path) }
    }

    package struct Malformed: Error { let place: String }

    private static func place(_ name: String) -> URL {
        var tests = URL(fileURLWithPath: #filePath)
        for _ in 0..<2 { tests.deleteLastPathComponent() }
        return tests.appendingPathComponent("FerryFuzzTests/Corpus/\(name)")
    }

    /// Writes an input as hexadecimal bytes.
    ///
    /// - Parameters:
    ///   - bytes: the input.
    ///   - name: `CORPUS/FILE`.
    ///   - comment: the first line.
    /// - Throws: what writing fails with.
    package static func write(_ bytes: [UInt8], _ name: String, _ comment: String) throws {
        let lines = stride(from: 0, to: bytes.count, by: 32).map {
            Fuzz.hex(Array(bytes[$0..<min($0 + 32, bytes.count)]))
        }
        try Data("; \(comment)\n\(lines.joined(separator: "\n"))\n".utf8).write(to: Self.place(name))
    }

    private static func parse(_ data: Data, _ file: String) throws -> [UInt8] {
        var bytes: [UInt8] = []
        for line in String(decoding: data, as: UTF8.self).split(separator: "\n") {
            for digits in line.prefix(while: { $0 != ";" }).split(separator: " ") {
                guard digits.count == 2, let byte = UInt8(digits, radix: 16) else {
                    throw Malformed(place: "\(file): \(line)")
                }
                bytes.append(byte)
            }
        }
        return bytes
    }
}
