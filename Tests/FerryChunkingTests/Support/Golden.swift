import Foundation

/// The vectors on disk that `Docs/chunking.md` describes; made by an implementation of that page in another language.
enum Golden {
    /// Returns the lines of `Golden/<name>`, comments aside, each split at spaces.
    static func lines(_ name: String) throws -> [[String]] {
        try Self.text(name).split(separator: "\n").filter { !$0.hasPrefix("#") }.map { line in
            line.split(separator: " ").map(String.init)
        }
    }

    /// Returns the named input of a vector.
    static func input(_ name: String) -> [UInt8]? {
        switch name {
        case "empty": []
        case "random": Samples.stream("random", 4 << 20)
        case "zeros": Array(repeating: 0, count: 2 << 20)
        case "words": Array(Samples.stream("words", 1 << 20).flatMap { Array("w\($0) ".utf8) }.prefix(3 << 20))
        default: nil
        }
    }

    /// Returns the text of `Docs/<name>`.
    static func page(_ name: String) throws -> String {
        let repository = Self.tests.deletingLastPathComponent().deletingLastPathComponent()
        return try String(contentsOf: repository.appendingPathComponent("Docs/\(name)"), encoding: .utf8)
    }

    private static func text(_ name: String) throws -> String {
        try String(contentsOf: Self.tests.appendingPathComponent("Golden/\(name)"), encoding: .utf8)
    }

    private static var tests: URL {
        URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    }
}
