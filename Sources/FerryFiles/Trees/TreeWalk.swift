package import FerryErrors

/// Something in a tree, as a walk finds it.
package struct TreeEntry: Sendable {
    /// Where it lies; for the top the top itself.
    package let directory: OpenDirectory
    /// Empty for the top.
    package let name: [UInt8]
    package let info: FileInfo
    /// What a symbolic link says.
    package var linkText: [UInt8] = []
    /// Why it could not be read; of a directory, why what is in it is not known.
    package var failure: FerryError?
    /// The directory itself, if it is one that could be opened.
    package var opened: OpenDirectory?
}

/// Walks a tree: a directory, what is in it in the order of the names' bytes, the end of the directory.
///
/// In memory are the names of the directories on the way from the top, and nothing of what lies beside or behind. Links are
/// not followed. What is removed meanwhile is passed by; partial files are left out.
package final class TreeWalk {
    package enum Step: Sendable {
        case entry(TreeEntry)
        /// The directory that was entered last, and has not ended, ends.
        case end
    }

    /// Directories from the top down, each of which is held open.
    package static let maximumDepth = 512

    private struct Level {
        /// Nil for one that could not be read.
        let directory: OpenDirectory?
        let names: NameList
        var next = 0
    }

    private let top: OpenDirectory
    private var levels: [Level] = []
    private var hasBegun = false

    package init(_ top: OpenDirectory) { self.top = top }

    /// The next step; nil once the top has ended.
    /// - Throws: mapped errors if the top itself cannot be read. What fails below is told with its entry.
    package func next() throws(FerryError) -> Step? {
        guard self.hasBegun else {
            self.hasBegun = true
            let info = try self.top.info()
            self.levels = [Level(directory: self.top, names: try self.top.names())]
            return .entry(TreeEntry(directory: self.top, name: [], info: info, opened: self.top))
        }
        while let level = self.levels.last {
            guard let directory = level.directory, level.next < level.names.count else {
                self.levels.removeLast()
                return .end
            }
            self.levels[self.levels.count - 1].next += 1
            if let entry = self.entry(level.names[level.next], in: directory) { return .entry(entry) }
        }
        return nil
    }

    /// Looks at an entry, and enters it if it is a directory; nil if it is gone.
    private func entry(_ name: [UInt8], in directory: OpenDirectory) -> TreeEntry? {
        let info: FileInfo
        do throws(FerryError) {
            guard let found = try directory.info(name) else { return nil }
            info = found
        } catch {
            return TreeEntry(directory: directory, name: name, info: .unknown, failure: error)
        }
        var entry = TreeEntry(directory: directory, name: name, info: info)
        do throws(FerryError) {
            switch info.kind {
            case .directory: try self.enter(&entry)
            case .symlink: entry.linkText = try directory.linkText(name)
            case .file, .other: break
            }
        } catch {
            if error.code == .notFound { return nil }
            entry.failure = error
            if info.kind == .directory { self.levels.append(Level(directory: nil, names: NameList())) }
        }
        return entry
    }

    private func enter(_ entry: inout TreeEntry) throws(FerryError) {
        guard self.levels.count < Self.maximumDepth else {
            throw FerryError(
                .tooLarge,
                "\(Escaping.escape(entry.directory.path(of: entry.name))) lies more than \(Self.maximumDepth) directories deep"
            )
        }
        let opened = try entry.directory.directory(entry.name)
        let names = try opened.names()
        entry.opened = opened
        self.levels.append(Level(directory: opened, names: names))
    }
}
