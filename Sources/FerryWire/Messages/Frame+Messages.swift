package import FerryErrors
package import FoundationEssentials
package import NIOCore
import SwiftProtobuf

/// One maker for each message, so that the rest of the house needs no protobuf.
extension Frame {
    package static func hello(token: String, features: [String], limits: FrameLimits, agent: String) -> Frame {
        Frame(
            .hello(
                .with {
                    $0.magic = WireConstants.magic
                    $0.version = WireConstants.version
                    $0.features = features
                    $0.limits = limits.message
                    $0.token = token
                    $0.agent = agent
                }
            )
        )
    }

    package static func welcome(features: [String], limits: FrameLimits, session: String, agent: String) -> Frame {
        Frame(
            .welcome(
                .with {
                    $0.version = WireConstants.version
                    $0.features = features
                    $0.limits = limits.message
                    $0.session = session
                    $0.agent = agent
                }
            )
        )
    }

    /// Scalars of a failure's texts: with 4 bytes each they fit a header, which characters of many scalars would not.
    fileprivate static let textLimit = 1000

    package static func failure(_ error: FerryError) -> Frame { Frame(.failure(WireFailure(error))) }

    package static let keepAlive = Frame(.keepAlive(WireKeepAlive()))

    package static func push(
        path: Data,
        metadata: WireMetadata,
        size: UInt64?,
        makeParents: Bool,
        skipUnchanged: Bool = false,
        ahead: Bool = false,
        connections: Int = 0
    ) -> Frame {
        Frame(
            .push(
                .with {
                    $0.path = path
                    $0.metadata = metadata
                    if let size { $0.size = size }
                    $0.makeParents = makeParents
                    $0.skipUnchanged = skipUnchanged
                    $0.ahead = ahead
                    $0.connections = UInt32(clamping: connections)
                }
            )
        )
    }

    /// - Parameters:
    ///   - path: share, slash and path.
    ///   - compression: a wish.
    ///   - old: metadata and bytes of the version that the client has, if any.
    ///   - skipUnchanged: whether nothing is to move if the file has that size and time.
    ///   - connections: further ones that would join.
    /// - Returns: the request.
    package static func pull(
        path: Data,
        compression: WireCompression,
        old: (metadata: WireMetadata, size: UInt64)? = nil,
        skipUnchanged: Bool = false,
        connections: Int = 0
    ) -> Frame {
        Frame(
            .pull(
                .with {
                    $0.path = path
                    $0.compression = compression
                    if let old {
                        $0.oldMetadata = old.metadata
                        $0.oldSize = old.size
                    }
                    $0.skipUnchanged = skipUnchanged
                    $0.connections = UInt32(clamping: connections)
                }
            )
        )
    }

    package static func pushTree(
        path: Data,
        options: WireTreeOptions,
        makeParents: Bool,
        connections: Int = 0
    ) -> Frame {
        Frame(
            .pushTree(
                .with {
                    $0.path = path
                    $0.options = options
                    $0.makeParents = makeParents
                    $0.connections = UInt32(clamping: connections)
                }
            )
        )
    }

    package static func pullTree(
        path: Data,
        options: WireTreeOptions,
        compression: WireCompression,
        single: Bool = false,
        connections: Int = 0
    ) -> Frame {
        Frame(
            .pullTree(
                .with {
                    $0.path = path
                    $0.options = options
                    $0.compression = compression
                    $0.single = single
                    $0.connections = UInt32(clamping: connections)
                }
            )
        )
    }

    package static func join(_ ticket: Data) -> Frame { Frame(.join(.with { $0.ticket = ticket })) }

    package static func list(path: Data) -> Frame { Frame(.list(.with { $0.path = path })) }

    package static func stat(path: Data) -> Frame { Frame(.stat(.with { $0.path = path })) }

    package static func remove(path: Data) -> Frame { Frame(.remove(.with { $0.path = path })) }

    package static func makeDirectory(path: Data, makeParents: Bool) -> Frame {
        Frame(
            .makeDirectory(
                .with {
                    $0.path = path
                    $0.makeParents = makeParents
                }
            )
        )
    }

    /// - Parameters:
    ///   - metadata: of the file to be pulled.
    ///   - size: its bytes.
    ///   - oldSize: bytes of the version that a push replaces.
    ///   - unchanged: whether there is nothing to transfer.
    ///   - tickets: for connections that may join.
    ///   - repository: for a backup, the repository's id.
    ///   - average: and around how many bytes its chunks gather.
    /// - Returns: the answer.
    package static func ready(
        metadata: WireMetadata? = nil,
        size: UInt64? = nil,
        oldSize: UInt64? = nil,
        unchanged: Bool = false,
        tickets: [Data] = [],
        repository: [UInt8] = [],
        average: UInt32 = 0
    ) -> Frame {
        Frame(
            .ready(
                .with {
                    if let metadata { $0.metadata = metadata }
                    if let size { $0.size = size }
                    if let oldSize { $0.oldSize = oldSize }
                    $0.unchanged = unchanged
                    $0.tickets = tickets
                    $0.repository = Data(repository)
                    $0.average = average
                }
            )
        )
    }

    package static func entries(_ entries: [WireEntry]) -> Frame { Frame(.entries(.with { $0.entries = entries })) }

    package static func finished(
        digest: Data = Data(),
        size: UInt64 = 0,
        deleted: UInt64 = 0,
        snapshot: Data = Data()
    ) -> Frame {
        Frame(
            .finished(
                .with {
                    $0.digest = digest
                    $0.size = size
                    $0.deleted = deleted
                    $0.snapshot = snapshot
                }
            )
        )
    }

    package static func backup(repository: String, dryRun: Bool) -> Frame {
        Frame(
            .backup(
                .with {
                    $0.repository = Data(repository.utf8)
                    $0.dryRun = dryRun
                }
            )
        )
    }

    package static func snapshots(of repository: String) -> Frame {
        Frame(.snapshots(.with { $0.repository = Data(repository.utf8) }))
    }

    package static func snapshotList(_ snapshots: [WireSnapshotEntry], damaged: Data = Data()) -> Frame {
        Frame(.snapshotList(.with { ($0.snapshots, $0.damaged) = (snapshots, damaged) }))
    }

    package static func find(_ request: WireFind) -> Frame { Frame(.find(request)) }

    package static func findings(_ findings: [WireFinding]) -> Frame {
        Frame(.findings(.with { $0.findings = findings }))
    }

    package static func diff(_ request: WireDiff) -> Frame { Frame(.diff(request)) }

    package static func differences(_ differences: [WireDifference]) -> Frame {
        Frame(.differences(.with { $0.differences = differences }))
    }

    package static func changes(_ changes: [WireChange]) -> Frame { Frame(.changes(.with { $0.changes = changes })) }

    /// - Parameters:
    ///   - ids: packed.
    ///   - lengths: one for each id.
    ///   - average: how the first file of the frame is cut by content; 0 if it is not, or was told.
    ///   - ends: of files, in a tree.
    ///   - notes: on some of the ends.
    ///   - nodes: whether they name nodes of a backup.
    /// - Returns: the frame.
    package static func names(
        ids: Data,
        lengths: [UInt32],
        average: UInt32 = 0,
        ends: [UInt32] = [],
        notes: [WireEndNote] = [],
        nodes: Bool = false
    ) -> Frame {
        Frame(
            .names(
                .with {
                    $0.ids = ids
                    $0.lengths = lengths
                    $0.average = average
                    $0.nodes = nodes
                    $0.ends = ends
                    $0.notes = notes
                }
            )
        )
    }

    package static func needs(decided: Int, items: [UInt32], oldSizes: [UInt64]) -> Frame {
        Frame(
            .needs(
                .with {
                    $0.decided = UInt32(clamping: decided)
                    $0.items = items
                    $0.oldSizes = oldSizes
                }
            )
        )
    }

    /// - Parameters:
    ///   - path: from the top of the tree; what does not fit a frame is left out.
    ///   - error: why it could not be transferred.
    /// - Returns: the frame.
    package static func problem(path: [UInt8], _ error: FerryError) -> Frame {
        var problem = WireProblem()
        problem.path = Data(path.prefix(48 << 10))
        problem.failure = WireFailure(error)
        return Frame(.problems(.with { $0.problems = [problem] }))
    }

    /// - Parameters:
    ///   - decided: how many names it speaks of.
    ///   - ids: those of them that are wanted, packed.
    ///   - after: names in front of them that stay undecided.
    /// - Returns: the frame.
    package static func wants(decided: Int, ids: Data, after: Int = 0) -> Frame {
        Frame(
            .wants(
                .with {
                    $0.decided = UInt32(clamping: decided)
                    $0.ids = ids
                    $0.after = UInt32(clamping: after)
                }
            )
        )
    }

    package static func block(
        codec: WireBlock.Codec,
        ids: Data,
        lengths: [UInt32],
        payload: ByteBuffer,
        nodes: Bool = false
    ) -> Frame {
        Frame(
            .block(
                .with {
                    $0.codec = codec
                    $0.ids = ids
                    $0.lengths = lengths
                    $0.nodes = nodes
                }
            ),
            payload: payload
        )
    }

    package static func commit(root: Data, note: [UInt8], digest: Data, size: UInt64) -> Frame {
        Frame(
            .commit(
                .with {
                    $0.root = root
                    $0.note = Data(note)
                    $0.digest = digest
                    $0.size = size
                }
            )
        )
    }

    package static func credit(_ bytes: Int) -> Frame {
        Frame(.credit(.with { $0.bytes = UInt32(clamping: bytes) }))
    }

    package static func end(digest: Data, size: UInt64) -> Frame {
        Frame(
            .end(
                .with {
                    $0.digest = digest
                    $0.size = size
                }
            )
        )
    }
}

extension WireFailure {
    /// What failed, without its cause: paths and internals of this machine stay here.
    package init(_ error: FerryError) {
        self.init()
        self.code = error.code.rawValue
        self.message = String(error.message.unicodeScalars.prefix(Frame.textLimit))
        self.remedy = String((error.remedy ?? "").unicodeScalars.prefix(Frame.textLimit))
    }
}

extension FerryError {
    /// What the peer said, as this side's error; its text is cut and escaped, for it comes from outside.
    package init(peer failure: WireFailure) {
        self.init(
            Code(peer: failure.code),
            Self.shown(failure.message),
            remedy: failure.remedy.isEmpty ? nil : Self.shown(failure.remedy),
            origin: .remote
        )
    }

    private static func shown(_ text: String) -> String {
        Escaping.escapeAgain(String(text.unicodeScalars.prefix(Frame.textLimit)))
    }
}

extension FerryError.Code {
    /// A code that a peer sent: any that has the form of one, for a newer peer may have more; else `internal`.
    fileprivate init(peer text: String) {
        let isCode =
            (1...40).contains(text.utf8.count)
            && text.utf8.allSatisfy { byte in
                byte == UInt8(ascii: "-") || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
            }
        self = isCode ? Self(rawValue: text) : .internalError
    }
}
