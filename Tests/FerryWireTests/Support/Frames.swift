import FerryErrors
import FerryWire
import FoundationEssentials
import NIOCore

/// The frames that the examples of `Docs/protocol.md` describe in words, by name.
enum Frames {
    static let ferry = Frames.data("44aa71f1737e882b136052522796c1fb0337637e9a20bf29dd8950694d409a11")
    static let zeros = Frames.data("f5a5fd42d16a20302798ef6ed309979b43003d2320d9f0e8ea9831a92759fb4b")
    static let digest = Frames.data("06d83f97fbcefac45e36bc9e913bb59e9e9d10cdb1a8f276e3be1894b64aa24f")

    static let metadata = make(WireMetadata()) {
        $0.mode = 0o644
        $0.modifiedSeconds = 1_767_225_600
    }

    static let all: [(name: String, frame: Frame)] = [
        ("hello", .hello(token: "ferry_example", features: [], limits: FrameLimits(), agent: "example/1")),
        ("welcome", .welcome(features: [], limits: FrameLimits(), session: "0123456789abcdef", agent: "ferryd/0.1")),
        ("push", .push(path: Data("inbox/a.txt".utf8), metadata: Self.metadata, size: 76, makeParents: false)),
        ("ready", .ready()),
        ("names", .names(ids: Self.ferry + Self.zeros, lengths: [6, 64])),
        ("wants", .wants(decided: 2, ids: Self.ferry + Self.zeros)),
        ("block-stored", .block(codec: .stored, ids: Self.ferry, lengths: [6], payload: ByteBuffer(string: "ferry\n"))),
        (
            "block-zlib",
            .block(
                codec: .zlib,
                ids: Self.zeros,
                lengths: [64],
                payload: ByteBuffer(bytes: Self.data("78da6360a00c000000400001"))
            )
        ),
        ("credit", .credit(18)),
        ("names-again", .names(ids: Self.ferry, lengths: [6])),
        ("wants-none", .wants(decided: 1, ids: Data())),
        ("end", .end(digest: Self.digest, size: 76)),
        ("finished", .finished(digest: Self.digest, size: 76)),
        ("keep-alive", .keepAlive),
        ("failure", .failure(.init(.notFound, "no such file"))),
        ("pull", .pull(path: Data("inbox/a.txt".utf8), compression: .off)),
        ("ready-to-send", .ready(metadata: Self.metadata, size: 0)),
        ("list", .list(path: Data("inbox".utf8))),
        (
            "entries",
            .entries([
                make(WireEntry()) {
                    $0.name = Data("a.txt".utf8)
                    $0.kind = .file
                    $0.size = 76
                    $0.metadata = Self.metadata
                }
            ])
        ),
        ("finished-list", .finished()),
        ("pull-wide", .pull(path: Data("inbox/a.txt".utf8), compression: .off, connections: 1)),
        ("ready-tickets", .ready(tickets: [Data(0..<16)])),
        ("join", .join(Data(0..<16))),
        (
            "block-again",
            Frame(
                .block(
                    make(WireBlock()) {
                        $0.ids = Self.ferry
                        $0.lengths = [6]
                        $0.lostConnection = 1
                        $0.lostBlock = 3
                    }
                ),
                payload: ByteBuffer(string: "ferry\n")
            )
        ),
        ("backup", .backup(repository: "laptops", dryRun: false)),
        ("ready-for-backup", .ready(repository: [UInt8](0..<16), average: 131_072)),
        ("names-of-data", .names(ids: Self.ferry, lengths: [6])),
        ("names-of-nodes", .names(ids: Self.node, lengths: [60], nodes: true)),
        (
            "block-of-nodes",
            .block(
                codec: .stored,
                ids: Self.node,
                lengths: [60],
                payload: ByteBuffer(
                    bytes: Data([1, 1]) + Self.ferry + Self.data("01000105612e747874a4830280e4ad950d000000000001010106")
                ),
                nodes: true
            )
        ),
        ("commit", .commit(root: Self.node, note: Self.note, digest: Self.namesDigest, size: 66)),
        ("finished-backup", .finished(digest: Self.namesDigest, size: 66, snapshot: Self.snapshot)),
        ("snapshots", .snapshots(of: "laptops")),
        (
            "snapshot-list",
            .snapshotList([
                make(WireSnapshotEntry()) {
                    ($0.id, $0.root, $0.sequence) = (Self.snapshot, Self.node, 1)
                    ($0.seconds, $0.owner, $0.note) = (1_767_225_600, "carol", Data(Self.note))
                }
            ])
        ),
        (
            "find",
            .find(
                make(WireFind()) {
                    ($0.path, $0.patterns, $0.kinds) = (Data("laptops".utf8), [Data("*.txt".utf8)], 1)
                }
            )
        ),
        (
            "findings",
            .findings([
                make(WireFinding()) {
                    $0.searched.id = Self.snapshot
                    ($0.searched.seconds, $0.searched.owner) = (1_767_225_600, "carol")
                    ($0.searched.host, $0.searched.first) = (Data("h".utf8), true)
                },
                make(WireFinding()) {
                    ($0.found.path, $0.found.entry) = (Data("a.txt".utf8), Self.entry(0o644))
                    $0.found.version = Frames.data("5df02746fa0942dcd6b379462b513cc1136b7ca6128b63a12575e5eb95ab65db")
                },
            ])
        ),
        (
            "diff",
            .diff(make(WireDiff()) { ($0.old, $0.new) = (Data("laptops@16a0eeb0".utf8), Data("laptops@latest".utf8)) })
        ),
        (
            "differences",
            .differences([
                make(WireDifference()) {
                    ($0.path, $0.reasons) = (Data("a.txt".utf8), 8)
                    ($0.old, $0.new) = (Self.entry(0o644), Self.entry(0o600))
                }
            ])
        ),
    ]

    private static func entry(_ mode: UInt32) -> WireEntry {
        make(WireEntry()) {
            ($0.kind, $0.size) = (.file, 6)
            ($0.metadata.mode, $0.metadata.modifiedSeconds) = (mode, 1_767_225_600)
        }
    }

    private static let node = Frames.data("d0ae5358a7ced41a6c45bb53157a6e5644335601cedadc6484c1a8363915a5a5")
    private static let namesDigest = Frames.data("ee251bb8371cad55a0b494a125129d081b7c4dc0cd43415a7f1549a542634796")
    private static let snapshot = Frames.data("16a0eeb0791b6c92451fd284dd9f599e0a7dbe7f6ebea6e2d2d06c7f74aec112")
    private static let note = [UInt8](Frames.data("01016802062f612e747874"))

    private static func data(_ hex: String) -> Data {
        let digits = Array(hex)
        return Data(
            stride(from: 0, to: digits.count, by: 2).compactMap { UInt8(String(digits[$0...$0 + 1]), radix: 16) }
        )
    }
}

extension FrameDecoder {
    /// Every frame that `bytes` hold, given to the decoder in these pieces.
    mutating func frames(in pieces: some Sequence<ArraySlice<UInt8>>) throws -> [Frame] {
        var frames: [Frame] = []
        for piece in pieces {
            var input = ByteBuffer(bytes: piece)
            while let frame = try self.next(&input) { frames.append(frame) }
        }
        return frames
    }
}

/// A prefix as it travels.
func prefix(header: UInt32, payload: UInt32) -> [UInt8] {
    [header, payload].flatMap { length in (0..<4).map { UInt8(truncatingIfNeeded: length >> (24 - 8 * $0)) } }
}

extension Frame {
    /// Every byte that travels.
    func bytes() throws -> [UInt8] { Array(try self.encoded().readableBytesView) }
}

/// `value` with changes.
func make<Value>(_ value: Value, _ change: (inout Value) -> Void) -> Value {
    var value = value
    change(&value)
    return value
}
