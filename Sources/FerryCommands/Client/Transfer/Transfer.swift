import FerryClient
import FerryErrors
import FerryFiles
import FerryProtocol
import FerryTransfer
import FerryWire
import FoundationEssentials
import Synchronization

/// What all files of a job share.
struct TransferContext: Sendable {
    let compression: Compression
    let wantsSHA256: Bool
    /// Whether content is compared where size and time of modification are equal.
    let comparesContent: Bool
    let trees: TreeWishes
    /// Connections that are to join each transfer.
    let furtherConnections: Int
    /// Told of each of these: its session's id, or why it did not join.
    let onJoin: @Sendable (Result<String, FerryError>) -> Void
    let reporter: any Reporter
    let interruption: Interruption
    /// Whether a backup believes what is remembered of the last one.
    var believesStates = true

    /// A sum is of what was read, so that it wants every file read.
    var skipsUnchanged: Bool { !self.comparesContent && !self.wantsSHA256 }
}

/// One file of a job.
protocol Transfer: Sendable {
    var label: TransferLabel { get }
    /// The server's name.
    var server: String { get }
    /// Whether the file's bytes go to standard output, which nothing else may then write to.
    var usesStandardOutput: Bool { get }
    /// The file's size, as far as it can be found out beforehand.
    func size(on servers: Servers) async -> UInt64?
    /// Moves the file.
    func run(on connection: ClientConnection, _ context: TransferContext) async throws -> TransferSummary
}

/// One file or stream to a server.
struct PushTransfer: Transfer {
    let item: PushPlan.Item
    let makeParents: Bool

    var label: TransferLabel {
        let remote = self.item.target.description
        let dash = [UInt8(ascii: "-")]
        return switch self.item.source {
        case .file(let path): TransferLabel(direction: .push, local: path.bytes, remote: remote)
        case .standardInput: TransferLabel(direction: .push, local: dash, stream: "standard input", remote: remote)
        case .command(let arguments):
            TransferLabel(direction: .push, local: dash, stream: Escaping.escape(arguments.first ?? []), remote: remote)
        }
    }

    var server: String { self.item.target.server }

    var usesStandardOutput: Bool { false }

    func size(on servers: Servers) async -> UInt64? {
        guard case .file(let path) = self.item.source else { return nil }
        return (try? Directories.info(path.bytes)).map { UInt64(clamping: $0.size) }
    }

    func run(on connection: ClientConnection, _ context: TransferContext) async throws -> TransferSummary {
        switch self.item.source {
        case .file(let path):
            let file: SourceFile
            do throws(FerryError) { file = try SourceFile(local: path.bytes) } catch {
                var error = error
                if error.code == .notAFile, (try? Directories.info(path.bytes))?.kind == .directory {
                    error.remedy = "-r sends a directory with all that is in it"
                }
                throw error
            }
            return try await self.push(file, WireMetadata(file.info), connection, context)
        case .standardInput:
            return try await self.push(StreamSource.standardInput(), .ofStream(), connection, context)
        case .command(let arguments):
            let (source, key) = try context.interruption.guarding {
                CommandSource(arguments)
            } cleanup: {
                $0.terminate()
            }
            defer {
                // Does nothing to a command that has ended.
                source.terminate()
                context.interruption.forget(key)
            }
            return try await self.push(source, .ofStream(), connection, context)
        }
    }

    private func push(
        _ source: any ByteSource,
        _ metadata: WireMetadata,
        _ connection: ClientConnection,
        _ context: TransferContext
    ) async throws -> TransferSummary {
        let reporter = context.reporter
        if let size = source.knownSize { reporter.sized(UInt64(clamping: size)) }
        var options = PushRequest.Options()
        options.makeParents = self.makeParents
        options.skipsUnchanged = context.skipsUnchanged && source.knownSize != nil
        options.compression = context.compression
        options.wantsSHA256 = context.wantsSHA256
        if !context.comparesContent {
            options.namesDirectory = UserDirectory.cache.path(environment: ProcessInfo.processInfo.environment).map {
                $0 + "/names"
            }
        }
        options.connections = Self.mayGain(source.knownSize) ? connection.further(context.furtherConnections) : 0
        let request = PushRequest(
            source: source,
            path: self.item.target.wirePath,
            metadata: metadata,
            options: options,
            limits: try connection.peerLimits(),
            onProgress: { reporter.progressed($0) }
        )
        do {
            return try await connection.perform(request, further: options.connections, onJoin: context.onJoin)
        } catch var error as FerryError where error.origin == .remote && error.remedy == nil {
            // The daemon does not know how the user can ask for what it refused.
            if error.code == .notFound { error.remedy = "`ferry mkdir -p` makes the directory" }
            if error.code == .notAFile { error.remedy = "to put it into that directory write `\(self.item.target)/`" }
            throw error
        }
    }
}

extension PushTransfer {
    /// Whether further connections are worth the while: what fits one window is gone before they have joined.
    private static func mayGain(_ size: Int64?) -> Bool { size.map { $0 > 4 << 20 } ?? true }
}

/// One file from a server.
struct PullTransfer: Transfer {
    let item: PullPlan.Item

    var label: TransferLabel {
        let remote = self.item.source.description
        return switch self.item.target {
        case .file(let path): TransferLabel(direction: .pull, local: path.bytes, remote: remote)
        case .standardOutput:
            TransferLabel(direction: .pull, local: [UInt8(ascii: "-")], stream: "standard output", remote: remote)
        }
    }

    var server: String { self.item.source.server }

    var usesStandardOutput: Bool { self.item.target == .standardOutput }

    func size(on servers: Servers) async -> UInt64? {
        guard let connection = try? await servers.connection(to: self.server) else { return nil }
        return try? await connection.stat(self.item.source).size
    }

    func run(on connection: ClientConnection, _ context: TransferContext) async throws -> TransferSummary {
        let wantsSHA256 = context.wantsSHA256
        switch self.item.target {
        case .standardOutput:
            let sink = try StreamSink.standardOutput()
            return try await self.pull(connection, context) { _ in StreamDestination(sink, wantsSHA256: wantsSHA256) }
        case .file(let path):
            let place = try LocalPlace(path)
            let old = PullRequest.Old(
                in: place.directory,
                at: place.name,
                skipsUnchanged: context.skipsUnchanged
            )
            // At most one: the request makes its destination once.
            let cleanup = Mutex<Int?>(nil)
            defer { if let key = cleanup.withLock({ $0 }) { context.interruption.forget(key) } }
            return try await self.pull(connection, context, old: old) { ready throws(FerryError) in
                let (made, key) = try context.interruption.guarding { () throws(FerryError) in
                    try LocalDestination(
                        directory: place.directory,
                        name: place.name,
                        ready: ready,
                        wantsSHA256: wantsSHA256
                    )
                } cleanup: {
                    $0.interrupt()
                }
                cleanup.withLock { $0 = key }
                return made
            }
        }
    }

    private func pull(
        _ connection: ClientConnection,
        _ context: TransferContext,
        old: PullRequest.Old? = nil,
        to makeDestination: @escaping @Sendable (WireReady) throws(FerryError) -> any ByteDestination
    ) async throws -> TransferSummary {
        let reporter = context.reporter
        // A stream takes bytes in order only.
        let further = self.usesStandardOutput ? 0 : connection.further(context.furtherConnections)
        let request = PullRequest(
            path: self.item.source.wirePath,
            compression: context.compression,
            old: old,
            connections: further,
            onProgress: { reporter.progressed($0) },
            makeDestination: { ready throws(FerryError) in
                if ready.hasSize { reporter.sized(ready.size) }
                return try makeDestination(ready)
            }
        )
        return try await connection.perform(request, further: further, onJoin: context.onJoin)
    }
}

extension WireMetadata {
    /// What a stream gets for want of a file: the mode of a new file, and now.
    fileprivate static func ofStream() -> WireMetadata {
        let now = Date.now.timeIntervalSince1970
        var metadata = WireMetadata()
        metadata.mode = 0o666 & ~ProcessUmask.current
        metadata.modifiedSeconds = Int64(now.rounded(.down))
        metadata.modifiedNanoseconds = UInt32((now - now.rounded(.down)) * 1e9)
        return metadata
    }
}
