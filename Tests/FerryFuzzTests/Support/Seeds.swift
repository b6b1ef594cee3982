import FerryChunking
import FerryErrors
import FerryProtocol
import FerryWire
import FoundationEssentials
import NIOCore

/// Inputs of the corpora of messages and frames that the encoders make: each field of each message that the examples of
/// `Docs/protocol.md` do not have, and values that a parser may trip over.
enum Seeds {
    typealias Seed = (name: String, frames: [Frame])

    /// Header alone, in `Corpus/message`.
    static let messages: [Seed] = Self.ownMessages + SearchSeeds.messages

    private static let ownMessages: [Seed] = [
        ("welcome-features", [.welcome(features: ["join", "x"], limits: FrameLimits(), session: "s", agent: "a")]),
        (
            "push-every-field",
            [
                .push(
                    path: Data("inbox/a/b".utf8),
                    metadata: Self.extremes,
                    size: 1 << 63,
                    makeParents: true,
                    skipUnchanged: true,
                    ahead: true,
                    connections: 3
                )
            ]
        ),
        (
            "pull-every-field",
            [
                .pull(
                    path: Data("inbox/a/b".utf8),
                    compression: .best,
                    old: (Self.extremes, 76),
                    skipUnchanged: true,
                    connections: 3
                )
            ]
        ),
        (
            "ready-every-field",
            [.ready(metadata: Self.extremes, size: 76, oldSize: 75, unchanged: true, tickets: [Data(0..<16), Data()])]
        ),
        ("finished-deleted", [.finished(digest: Self.id, size: 76, deleted: 2)]),
        ("names-every-field", [Self.namesOfATree]),
        (
            "names-notes-hostile",
            [
                .names(
                    ids: Self.id,
                    lengths: [6],
                    ends: [2, .max, 0],
                    notes: [UInt32.max, 1, 1].map { place in make(WireEndNote()) { ($0.end, $0.again) = (place, true) }
                    }
                )
            ]
        ),
        ("wants-after", [.wants(decided: 1, ids: Self.id, after: 3)]),
        (
            "push-tree-every-field",
            [
                .pushTree(
                    path: Data("inbox/tree".utf8),
                    options: Self.everyOption,
                    makeParents: true,
                    connections: 3
                )
            ]
        ),
        (
            "pull-tree-every-field",
            [
                .pullTree(
                    path: Data("inbox/tree".utf8),
                    options: Self.everyOption,
                    compression: .fast,
                    single: true,
                    connections: 3
                )
            ]
        ),
        ("items-every-field", [Self.items]),
        ("items-hostile", [Self.hostileItems]),
        // In a directory that would be made.
        (
            "regressions/items-planned-way-up",
            [
                Self.items([("", 0o040755, 0), ("a", 0o040755, 0), ("../../x", 0o100644, 5), ("..", 0o100644, 5)]) {
                    _ in
                }
            ]
        ),
        ("items-ragged", [Frame(.items(make(WireItems()) { ($0.modes, $0.sizes) = ([0o040755, 0], [0]) }))]),
        ("needs", [.needs(decided: 4, items: [1, 3], oldSizes: [0, 6])]),
        ("needs-hostile", [.needs(decided: .max, items: [3, 3, .max], oldSizes: [.max, 0, 1])]),
        ("problems", [Self.problems]),
        ("changes", [Self.changes]),
        ("backup-every-field", [.backup(repository: "laptops", dryRun: true)]),
        ("snapshots", [.snapshots(of: "laptops")]),
        ("snapshot-list-every-field", [Self.snapshotList]),
        ("names-nodes", [.names(ids: Self.id, lengths: [6], nodes: true)]),
        ("block-nodes", [.block(codec: .stored, ids: Self.id, lengths: [6], payload: ByteBuffer(), nodes: true)]),
        ("commit-every-field", [.commit(root: Self.id, note: [1, 1, 104], digest: Self.id, size: 76)]),
        ("ready-repository", [.ready(repository: [UInt8](0..<16), average: 1 << 17)]),
        ("finished-snapshot", [.finished(digest: Self.id, size: 76, snapshot: Self.id)]),
    ]

    private static let snapshotList: Frame = .snapshotList(
        [
            make(WireSnapshotEntry()) {
                ($0.id, $0.root, $0.sequence) = (Self.id, Self.id, 3)
                ($0.seconds, $0.nanoseconds, $0.owner) = (-1, 999_999_999, "carol")
                $0.note = Data([1, 1, 104])
            }
        ],
        damaged: Self.id
    )

    /// Whole frames, in `Corpus/frame`.
    static let frames: [Seed] = Self.ownFrames + SearchSeeds.frames

    private static let ownFrames: [Seed] = [
        ("stat", [.stat(path: Data("inbox/a.txt".utf8))]), ("remove", [.remove(path: Data("inbox/a.txt".utf8))]),
        ("make-directory", [.makeDirectory(path: Data("inbox/d".utf8), makeParents: true)]),
        ("push-tree", [Self.pushTree]),
        (
            "pull-tree",
            [
                .pullTree(
                    path: Data("inbox/tree".utf8),
                    options: Self.everyOption,
                    compression: .off,
                    connections: 1
                )
            ]
        ), ("items", [Self.items]), ("needs", [Self.needs]), ("names-tree", [Self.namesOfATree]),
        ("problems", [Self.problems]), ("changes", [Self.changes]),
        ("backup", [.backup(repository: "laptops", dryRun: true)]), ("snapshots", [.snapshots(of: "laptops")]),
        ("snapshot-list", [Self.snapshotList]),
        ("commit", [.commit(root: Self.id, note: [1, 1, 104], digest: Self.id, size: 76)]),
        ("tree-dialogue", [Self.pushTree, .ready(), Self.items, Self.needs, Self.changes, Self.namesOfATree]),
    ]

    private static let id = [UInt8]("ferry\n".utf8).withUnsafeBytes { ChunkID.pack([ChunkID(hashing: $0)]) }

    private static let extremes = make(WireMetadata()) {
        $0.mode = 0o7777
        $0.modifiedSeconds = .min
        $0.modifiedNanoseconds = 999_999_999
        $0.allocated = 4096
    }

    private static let pushTree = Frame.pushTree(
        path: Data("inbox/tree".utf8),
        options: make(WireTreeOptions()) { $0.report = true },
        makeParents: true
    )

    private static let everyOption = make(WireTreeOptions()) {
        $0.checksum = true
        $0.delete = true
        $0.maxDelete = 10
        $0.dryRun = true
        $0.report = true
        $0.verify = true
        $0.noOwner = true
        $0.noAttributes = true
        $0.specials = true
        $0.numericIds = true
        $0.filter = make(WireFilter()) { filter in
            filter.rules = [("*.o", false), ("/keep/**/*.[a-o]", true)].map { pattern, isIncluded in
                make(WireFilterRule()) { ($0.pattern, $0.include) = (Data(pattern.utf8), isIncluded) }
            }
            filter.noIgnoreFiles = true
            filter.excludeCaches = true
            filter.oneFileSystem = true
            filter.minSize = 1
            filter.maxSize = .max
            filter.newerThan = .min
            filter.olderThan = 2_000_000_000
            filter.paths = Data("a/b\0c\0".utf8)
        }
    }

    /// A thing of a tree.
    private typealias Thing = (name: String, mode: UInt32, size: UInt64)

    private static func items(_ things: [Thing], _ change: (inout WireItems) -> Void) -> Frame {
        var items = WireItems()
        for thing in things {
            items.names.append(contentsOf: thing.name.utf8)
            items.nameLengths.append(UInt32(thing.name.utf8.count))
            items.modes.append(thing.mode)
            items.sizes.append(thing.size)
            items.seconds.append(thing.mode == 0 ? 0 : 1_767_225_600)
            items.nanoseconds.append(thing.mode == 0 ? 0 : 999_999_999)
        }
        change(&items)
        return Frame(.items(items))
    }

    /// One of each kind, with all that may be noted.
    private static let items = Self.items([
        ("", 0o040755, 0), ("a", 0o100644, 6), ("b", 0o120777, 0), ("c", 0o100600, 12), ("d", 0o020600, 0),
        ("e", 0o100644, 6), ("f", 0o040700, 0), ("", 0, 0), ("g", 1, 0), ("", 0, 0),
    ]) { items in
        items.last = true
        items.users = [1, 1, 0, 3, 1, 1, 1, 0, 0, 0]
        items.groups = [2, 2, 2, 0, 2, 2, 2, 0, 0, 0]
        items.accounts = [
            make(WireAccount()) { ($0.id, $0.name) = (1000, Data("alice".utf8)) },
            make(WireAccount()) { ($0.id, $0.name, $0.isGroup) = (100, Data("users".utf8), true) },
            make(WireAccount()) { $0.id = .max },
        ]
        items.notes = [
            make(WireItemNote()) {
                $0.item = 1
                $0.attributes = [("user.x", "value"), ("user.y", "")].map { name, value in
                    make(WireAttribute()) { ($0.name, $0.value) = (Data(name.utf8), Data(value.utf8)) }
                }
                $0.sparse = true
            },
            make(WireItemNote()) { ($0.item, $0.target) = (2, Data("../a".utf8)) },
            make(WireItemNote()) { ($0.item, $0.device) = (4, 0x103) },
            make(WireItemNote()) { ($0.item, $0.firstName) = (5, Data("a".utf8)) },
            make(WireItemNote()) { ($0.item, $0.failure) = (6, WireFailure(FerryError(.permission, "no"))) },
            make(WireItemNote()) { ($0.item, $0.leftOut) = (8, true) },
        ]
    }

    private static let hostileItems = Self.items([
        ("", 0o040755, 0), ("..", 0o040755, 0), ("../x", 0o100644, .max), ("/etc/passwd", 0o120777, 0),
        ("a\0b", 0o170000, 1), ("", .max, 0), ("a", 0, 0),
    ]) { items in
        items.users = [0, 1, .max, 0, 0, 0, 0]
        items.groups = items.users
        items.notes = [
            make(WireItemNote()) { ($0.item, $0.firstName) = (2, Data("../../x".utf8)) },
            make(WireItemNote()) { note in
                (note.item, note.device) = (.max, .max)
                note.attributes = ["user.ferry.owner", "system.posix_acl_access", "security.selinux", ""].map { name in
                    make(WireAttribute()) { ($0.name, $0.value) = (Data(name.utf8), Data([2, 0, 0, 0, 1])) }
                }
            },
        ]
    }

    private static let needs = Frame.needs(decided: 10, items: [1, 3], oldSizes: [0, 1])

    /// Of two files, one of which is not whole, and comes again.
    private static let namesOfATree = Frame.names(
        ids: Self.id + Self.id + Self.id,
        lengths: [6, 6, 6],
        average: 65_536,
        ends: [1, 2, 3],
        notes: [
            make(WireEndNote()) { ($0.end, $0.again) = (0, true) },
            make(WireEndNote()) { ($0.end, $0.failure) = (1, WireFailure(FerryError(.sourceChanged, "it changed"))) },
            make(WireEndNote()) { ($0.end, $0.metadata) = (2, Self.extremes) },
        ]
    )

    private static let problems = Frame.problem(
        path: Array("a/b".utf8),
        FerryError(.permission, "may not", remedy: "ask somebody who may")
    )

    private static let changes = Frame.changes([
        make(WireChange()) {
            $0.path = Data("f".utf8)
            $0.kind = .deleted
            $0.isDirectory = true
        },
        make(WireChange()) {
            $0.path = Data("a\u{1B}".utf8)
            $0.kind = .changed
            $0.reasons = .max
            $0.size = .max
        },
    ])
}

/// A message with what `change` sets.
func make<Message>(_ message: Message, _ change: (inout Message) -> Void) -> Message {
    var message = message
    change(&message)
    return message
}
