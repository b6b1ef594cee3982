import CLinux
import FerryClient
import FerryErrors
import FerryFiles
import FerryProtocol
import FerryTransfer
import FerryWire

/// A directory to a server, with all that is in it.
struct PushTreeTransfer: Transfer {
    let source: LocalPath
    let target: RemotePath
    let makeParents: Bool

    var label: TransferLabel {
        TransferLabel(direction: .push, local: self.source.bytes, remote: self.target.description)
    }

    var server: String { self.target.server }

    var usesStandardOutput: Bool { false }

    func size(on servers: Servers) async -> UInt64? { nil }

    func run(on connection: ClientConnection, _ context: TransferContext) async throws -> TransferSummary {
        ferry_raise_file_limit()
        let request = PushTreeRequest(
            TreeWalk(try RootDirectory(path: self.source.bytes).openTree(.root)),
            path: self.target.wirePath,
            options: context.treeOptions,
            makeParents: self.makeParents,
            compression: context.compression,
            limits: try connection.peerLimits(),
            onEvent: self.events(context.reporter)
        )
        return try await connection.perform(request)
    }
}

/// A directory from a server, with all that is in it.
struct PullTreeTransfer: Transfer {
    let source: RemotePath
    let target: LocalPath

    var label: TransferLabel {
        TransferLabel(direction: .pull, local: self.target.bytes, remote: self.source.description)
    }

    var server: String { self.source.server }

    var usesStandardOutput: Bool { false }

    func size(on servers: Servers) async -> UInt64? { nil }

    func run(on connection: ClientConnection, _ context: TransferContext) async throws -> TransferSummary {
        ferry_raise_file_limit()
        var options = TreeReceiver.Options()
        options.comparesContent = context.comparesContent
        let (target, events) = (self.target, self.events(context.reporter))
        let request = PullTreeRequest(
            path: self.source.wirePath,
            options: context.treeOptions,
            compression: context.compression
        ) { () throws(FerryError) in
            TreeReceiver(
                try Self.top(target),
                options: options,
                limits: FrameLimits(),
                onEvent: events
            )
        }
        return try await connection.perform(request)
    }

    /// The directory that gets the tree: made if it is missing, in one that exists.
    private static func top(_ target: LocalPath) throws(FerryError) -> OpenDirectory {
        do throws(FerryError) {
            return try RootDirectory(path: target.bytes).openTree(.root)
        } catch  where error.code == .notFound {
            guard let name = target.fileName else { throw error }
            let parent = try RootDirectory(path: target.directory.bytes)
            try parent.makeDirectory(RelativePath(name), parents: false)
            return try RootDirectory(path: target.bytes).openTree(.root)
        }
    }
}

extension Transfer {
    /// Shows what happens in a tree.
    fileprivate func events(_ reporter: any Reporter) -> TreeEvents {
        let label = self.label
        return { event in
            switch event {
            case .sized(let bytes): reporter.sized(bytes)
            case .progressed(let summary): reporter.progressed(summary)
            case .failed(let path, let error): reporter.failedInside(label.inside(path), error)
            case .changed(let change): reporter.changed(change)
            }
        }
    }
}

extension TransferContext {
    fileprivate var treeOptions: WireTreeOptions {
        var options = WireTreeOptions()
        options.checksum = self.comparesContent
        return options
    }
}

extension TransferLabel {
    /// Something in the tree.
    fileprivate func inside(_ path: [UInt8]) -> TransferLabel {
        guard !path.isEmpty else { return self }
        let slash = [UInt8(ascii: "/")]
        let local = self.local.last == slash[0] ? self.local + path : self.local + slash + path
        return TransferLabel(direction: self.direction, local: local, remote: "\(self.remote)/\(Escaping.escape(path))")
    }
}
