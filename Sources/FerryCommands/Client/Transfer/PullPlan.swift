package import FerryClient
package import FerryErrors
import FerryFiles

/// Which remote file goes to which local one. Names come from the user alone, never from the daemon.
package struct PullPlan: Sendable, Equatable {
    package enum Target: Sendable, Hashable {
        case file(LocalPath)
        case standardOutput
    }

    /// What a local target is.
    package enum Kind: Sendable { case directory, file, other, missing }

    package struct Item: Sendable, Equatable {
        package let source: RemotePath
        package let target: Target
    }

    package let items: [Item]

    /// Places one or several remote files: at a file's name for one, in an existing directory for several.
    ///
    /// - Parameters:
    ///   - sources: at least one.
    ///   - target: as the user gave it; nil for standard output.
    ///   - kind: what it is now.
    /// - Throws: `.usage` if it does not fit.
    package init(_ sources: [RemotePath], to target: LocalPath?, kind: Kind) throws(FerryError) {
        for source in sources where source.path.isRoot {
            let kind = source.snapshot == nil ? "share" : "whole snapshot"
            throw FerryError(
                .usage,
                "\(source) is a \(kind) and no file",
                remedy: "`ferry ls \(source)` lists its files"
            )
        }
        guard let target else {
            guard sources.count == 1 else { throw FerryError(.usage, "standard output takes one file only") }
            self.items = [Item(source: sources[0], target: .standardOutput)]
            return
        }
        switch kind {
        case .directory:
            self.items = try Self.inside(target, sources)
        case .missing where target.isDirectory:
            throw FerryError(.usage, "there is no directory \(target)", remedy: "make it: `mkdir -p \(target)`")
        case .file where target.isDirectory:
            throw FerryError(.usage, "\(target) is no directory")
        case .other:
            throw FerryError(
                .usage,
                "\(target) is neither a regular file nor a directory",
                remedy: "`-` writes to standard output, which the shell can lead there"
            )
        case .missing, .file:
            guard sources.count == 1 else {
                throw FerryError(
                    .usage,
                    "several files need a directory, and \(target) is none",
                    remedy: "name one that exists"
                )
            }
            guard target.fileName != nil else { throw FerryError(.usage, "`\(target)` names no file") }
            self.items = [Item(source: sources[0], target: .file(target))]
        }
    }

    private static func inside(_ directory: LocalPath, _ sources: [RemotePath]) throws(FerryError) -> [Item] {
        var items: [Item] = []
        var names: Set<[UInt8]> = []
        for source in sources {
            let name = source.path.lastComponent ?? []
            guard names.insert(name).inserted else {
                throw FerryError(
                    .usage,
                    "two of the files are called \(Escaping.escape(name)); the second would replace the first",
                    remedy: "pull them one after another, to names of their own"
                )
            }
            items.append(Item(source: source, target: .file(directory.appending(name))))
        }
        return items
    }
}
