import FerryClient
import FerryErrors
import FerryFiles
import FerryTestKit
import FoundationEssentials
import Testing

/// Paths, as a peer sends them and as a user writes them.
@Suite struct PathFuzzTests {
    private static let tokens = ["/", "//", "..", "/../", "./", ".ferry-part.", "\0", ":", "nas:", "\u{301}", "\n"]

    /// A path that was taken has no way up, no way to our own files, and is written as it was read.
    private static func judge(_ path: RelativePath) throws {
        try hold(path.bytes.count <= 4095, "a path of \(path.bytes.count) bytes")
        try hold(path.isRoot == path.components.isEmpty, "the root has components")
        try hold(Array(path.components.joined(separator: [0x2F])) == path.bytes, "its components make another path")
        for component in path.components {
            try hold((1...255).contains(component.count), "a component of \(component.count) bytes")
            try hold(![[0x2E], [0x2E, 0x2E]].contains(component), "a component . or ..")
            try hold(!component.contains(0) && !component.contains(0x2F), "a component with NUL or a slash")
            try hold(!component.starts(with: RelativePath.reservedPrefix), "a component of the reserved kind")
        }
        try hold(try RelativePath(path.bytes, allowRoot: true) == path, "it is read again as another")
        if let parent = path.parent, let last = path.lastComponent {
            try hold(try parent.appending(last) == path, "its parent and its last component make another")
        }
        try Shown.judge("\(path)", "the path as it is shown")
    }

    @Test func aPathThatIsTakenStaysBeneathItsRoot() throws {
        let fuzz = try Fuzz("path", tokens: Self.tokens, maximumLength: 6000)
        try fuzz.run(mutants: 30_000) { bytes, generator in
            let allowRoot = generator.oneIn(2)
            do {
                let path = try RelativePath(bytes, allowRoot: allowRoot)
                try hold(allowRoot || !path.isRoot, "the root is taken")
                let slash: [UInt8] = bytes.last == 0x2F && !path.isRoot ? [0x2F] : []
                try hold(path.isRoot ? bytes.count <= 1 : path.bytes + slash == bytes, "it is printed differently")
                try Self.judge(path)
            } catch let error as FerryError {
                try hold(error.code == .invalidPath, "it is refused with \(error.code)")
                try Shown.judge("\(error)", "the refusal")
            }
        }
    }

    @Test func aNameIsAppendedOnlyIfItIsOne() throws {
        let fuzz = try Fuzz("path", tokens: Self.tokens, maximumLength: 6000)
        let directory = try RelativePath("some/directory")
        try fuzz.run(mutants: 10_000) { bytes, _ in
            guard let path = try? directory.appending(bytes) else { return }
            try hold(path.parent == directory && path.lastComponent == bytes, "it is another place: \(path)")
            try Self.judge(path)
        }
    }

    @Test func aPathOfTheCommandLineNamesServerShareAndPath() throws {
        let fuzz = try Fuzz("path", tokens: Self.tokens, maximumLength: 6000)
        try fuzz.run(mutants: 30_000) { bytes, _ in
            do {
                guard let path = try RemotePath.parse(bytes) else {
                    let colon = bytes.firstIndex(of: 0x3A) ?? bytes.count
                    let slash = bytes.firstIndex(of: 0x2F) ?? bytes.count
                    return try hold(colon == 0 || slash <= colon, "it is taken for a local path")
                }
                try Self.judge(path.path)
                let prefix = Array("\(path.server):".utf8)
                let slash: [UInt8] = bytes.last == 0x2F ? [0x2F] : []
                try hold(prefix + Array(path.wirePath) + slash == bytes, "it is sent as another: \(path)")
                try Shown.judge("\(path)", "the path as it is shown")
            } catch let error as FerryError {
                try hold([.usage, .invalidPath].contains(error.code), "it is refused with \(error.code)")
                try Shown.judge("\(error)", "the refusal")
            }
        }
    }
}
