package import FerryErrors

/// The paths that `--from FILE` names: only they, what lies below them and the directories on the way to them take part.
package struct IncludedPaths: Sendable {
    /// Bytes of a list at most.
    package static let maximumSize = 64 << 20

    /// Where a walk is among the paths.
    enum Position: Sendable, Hashable {
        /// On the way to a path: the index of a node.
        case above(Int)
        /// At a path or below it.
        case inside
        /// Beside all paths.
        case outside
    }

    private struct Node: Sendable {
        var children: [[UInt8]: Int] = [:]
        /// Whether everything below takes part.
        var isWhole = false
    }

    /// The top and all names below it; they refer to each other by index.
    private var nodes = [Node()]
    /// The paths as they were named, without repetitions of the same line.
    package private(set) var paths: [RelativePath] = []

    /// Reads a list: a path on each line, or between NUL bytes where there are any. Empty lines and "./" at the start are
    /// passed over, "." is the whole tree; lines end as those of an ``IgnoreFile``, and nothing in them is a pattern.
    ///
    /// - Parameters:
    ///   - content: the whole list; one byte past ``maximumSize`` is enough to refuse it.
    ///   - file: what it is called in messages, escaped already.
    /// - Throws: `configuration` if it is too long; if a path is not good, with the number of its line.
    package init(_ content: [UInt8], named file: String) throws(FerryError) {
        guard content.count <= Self.maximumSize else {
            throw FerryError(.configuration, "\(file): the list takes more than \(Self.maximumSize) bytes")
        }
        if content.contains(0) {
            for (index, path) in content.split(separator: 0, omittingEmptySubsequences: false).enumerated() {
                try self.insert(path, "\(file): path \(index + 1)")
            }
        } else {
            for (number, line) in Lines(content) { try self.insert(line, "\(file):\(number)") }
        }
    }

    private mutating func insert(_ text: ArraySlice<UInt8>, _ place: @autoclosure () -> String) throws(FerryError) {
        guard !text.isEmpty else { return }
        let path: RelativePath
        do throws(FerryError) {
            path = try RelativePath(Self.withoutDots(text), allowRoot: true)
        } catch {
            throw FerryError(
                .configuration,
                "\(place()): \(error.message)",
                remedy: "name paths relative to the top of the tree",
                cause: error
            )
        }
        var node = 0
        for name in path.components {
            if let child = self.nodes[node].children[name] {
                node = child
            } else {
                self.nodes.append(Node())
                self.nodes[node].children[name] = self.nodes.count - 1
                node = self.nodes.count - 1
            }
        }
        guard !self.nodes[node].isWhole else { return }
        self.nodes[node].isWhole = true
        self.paths.append(path)
    }

    /// What find(1) prints begins with "./".
    private static func withoutDots(_ text: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        var text = text
        while text.starts(with: Array("./".utf8)) {
            text = text.dropFirst(2)
        }
        return text.elementsEqual(".".utf8) ? [] : text
    }

    /// Where the walk begins.
    var start: Position { self.nodes[0].isWhole ? .inside : .above(0) }

    /// What is to be in a directory: names of paths, and of directories on the way to them; none where everything takes part.
    func names(at position: Position) -> [[UInt8]] {
        guard case .above(let node) = position else { return [] }
        return Array(self.nodes[node].children.keys)
    }

    /// The position at an entry.
    func entering(_ name: [UInt8], from position: Position) -> Position {
        guard case .above(let node) = position else { return position }
        guard let child = self.nodes[node].children[name] else { return .outside }
        return self.nodes[child].isWhole ? .inside : .above(child)
    }

    /// Whether an entry takes part.
    func includes(_ name: [UInt8], isDirectory: Bool, from position: Position) -> Bool {
        switch self.entering(name, from: position) {
        case .inside: true
        case .above: isDirectory
        case .outside: false
        }
    }
}
