package import FerryClient
package import FerryErrors
import FerryFiles

/// Which source goes to which remote file.
package struct PushPlan: Sendable, Equatable {
    package enum Source: Sendable, Hashable {
        case file(LocalPath)
        case standardInput
        /// A command and its arguments.
        case command([[UInt8]])
    }

    /// What the daemon says about a target.
    package enum Kind: Sendable { case directory, other, missing, unknown }

    package struct Item: Sendable, Equatable {
        package let source: Source
        package let target: RemotePath
    }

    package let items: [Item]
    /// Whether missing directories are made: where the target says that it is one.
    package let makeParents: Bool

    /// Whether it must be known what the target is.
    ///
    /// - Parameter target: a file or a directory.
    /// - Returns: False where its form says that it is a directory.
    package static func mustLook(at target: RemotePath) -> Bool { !target.isDirectory && !target.path.isRoot }

    /// Places one or several sources at a target: a file's name for one, a directory for several. A directory is what
    /// ends with a slash, exists as one, or is the share itself.
    ///
    /// - Parameters:
    ///   - sources: at least one.
    ///   - target: as the user gave it.
    ///   - kind: what it is, where ``mustLook(at:)`` says so; `.unknown` if the daemon does not tell.
    /// - Throws: `.usage` if it does not fit.
    package init(_ sources: [Source], to target: RemotePath, kind: Kind) throws(FerryError) {
        let isDirectory = !Self.mustLook(at: target) || kind == .directory
        self.makeParents = target.isDirectory
        guard isDirectory else {
            guard let source = sources.first, sources.count == 1 else {
                throw FerryError(
                    .usage,
                    "several files need a directory, and \(target) \(kind == .unknown ? "may be none" : "is none")",
                    remedy: "end it with a slash, and it is made: `\(target)/`"
                )
            }
            self.items = [Item(source: source, target: target)]
            return
        }
        var items: [Item] = []
        var names: Set<[UInt8]> = []
        for source in sources {
            let name = try Self.name(of: source, in: target)
            guard names.insert(name).inserted else {
                throw FerryError(
                    .usage,
                    "two of the files are called \(Escaping.escape(name)); the second would replace the first",
                    remedy: "push them one after another, under names of their own"
                )
            }
            items.append(Item(source: source, target: try target.appending(name)))
        }
        self.items = items
    }

    private static func name(of source: Source, in target: RemotePath) throws(FerryError) -> [UInt8] {
        switch source {
        case .file(let path):
            guard let name = path.fileName else { throw FerryError(.usage, "`\(path)` names no file") }
            return name
        case .standardInput, .command:
            throw FerryError(
                .usage,
                "\(target) is a directory, and a stream has no name to get there",
                remedy: "name the file: `\(target)/NAME`"
            )
        }
    }
}
