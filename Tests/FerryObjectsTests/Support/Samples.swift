import FerryChunking
import FerryErrors
import FerryObjects
import Testing

/// One small thing of each encoding, and how it is read again.
struct Sample: Sendable, CustomTestStringConvertible {
    let name: String
    let encoded: [UInt8]
    /// Reads bytes, and writes what was read.
    let again: @Sendable ([UInt8]) throws -> [UInt8]
    /// Whether every bit is covered by a sum, or by what is legal.
    let isCovered: Bool

    var testDescription: String { self.name }

    static let chunk = ChunkID.hashing(Array("chunk".utf8))
    static let other = ChunkID.hashing(Array("other".utf8))
    static let salt = PackSalt(Array(0..<16))

    static var entries: [Entry] {
        var file = Entry(
            name: Array("a".utf8),
            mode: 0o100644,
            seconds: 1_700_000_000,
            nanoseconds: 999_999_999,
            content: .segments([.chunk(Self.chunk, length: 1000), .hole(1 << 40), .chunk(Self.chunk, length: 7)])
        )
        file.user = EntryAccount(id: 1000, name: Array("carol".utf8), isGroup: false)
        file.group = EntryAccount(id: 1000, name: [], isGroup: true)
        file.attributes = [EntryAttribute(name: Array("user.x".utf8), value: [0, 255])]
        file.accounts = [EntryAccount(id: 7, name: Array("dave".utf8), isGroup: false)]
        func plain(_ name: String, _ mode: UInt32, _ content: Entry.Content) -> Entry {
            Entry(name: Array(name.utf8), mode: mode, seconds: -1, nanoseconds: 0, content: content)
        }
        var recipe = plain("b", 0o100600, .recipe(Self.other, size: 5_000_000_000))
        recipe.isIncomplete = true
        recipe.user = file.user
        return [
            file, recipe, plain("c", 0o040755, .directory(Self.chunk)), plain("d", 0o120777, .link(Array("../a".utf8))),
            plain("e", 0o020620, .special(device: 0x501)), plain("f", 0o100644, .furtherName(Array("x/y".utf8))),
        ]
    }

    private static func node(_ name: String, _ node: Node, _ read: @escaping @Sendable (Node) throws -> Node) -> Sample
    {
        Sample(
            name: name,
            encoded: node.encoded,
            again: { try read(try Node($0)).encoded },
            isCovered: false
        )
    }

    static var header: BlockHeader {
        BlockHeader(
            kind: .data,
            isCompressed: true,
            storedLength: 900,
            checksum: 0x0102_0304,
            parts: [.init(id: Self.chunk, length: 1000), .init(id: Self.other, length: 24)]
        )
    }

    static var snapshot: Snapshot {
        var note = SnapshotNote()
        (note.host, note.paths, note.tags) = (
            Array("nas".utf8), [Array("/etc".utf8), Array("/home".utf8)], ["nightly"]
        )
        (note.began, note.files, note.bytes, note.failed) = (1_700_000_000, 300, 1 << 33, 1)
        note.agent = "ferry 1.0"
        return Snapshot(
            root: Self.chunk,
            sequence: 3,
            epoch: 0,
            seconds: 1_700_000_100,
            nanoseconds: 5,
            owner: "carol",
            rest: note.encoded
        )
    }

    static let all: [Sample] = {
        guard let salt = Self.salt else { return [] }
        let packHeader = PackHeader(kind: .data, salt: salt)
        let footer = PackFooter(header: packHeader, owner: "carol", blocks: [.init(offset: 32, header: Self.header)])
        return [
            Self.node("directory", DirectoryLeaf(Self.entries).node) { try DirectoryLeaf($0).node },
            Self.node("empty directory", DirectoryLeaf([]).node) { try DirectoryLeaf($0).node },
            Self.node(
                "directories",
                Branch(
                    ofDirectory: true,
                    level: 1,
                    children: [
                        .init(id: Self.chunk, firstName: Array("a".utf8), weight: 300),
                        .init(id: Self.other, firstName: Array("m".utf8), weight: 2),
                    ]
                ).node
            ) { try Branch($0).node },
            Self.node("recipe", RecipeLeaf([.chunk(Self.chunk, length: 65536), .hole(4096)]).node) {
                try RecipeLeaf($0).node
            },
            Self.node(
                "recipes",
                Branch(ofDirectory: false, level: 2, children: [.init(id: Self.chunk, firstName: [], weight: 1 << 34)])
                    .node
            ) { try Branch($0).node },
            Sample(
                name: "block header",
                encoded: Self.header.encoded(salt: salt),
                again: { try BlockHeader($0, salt: salt).encoded(salt: salt) },
                isCovered: true
            ),
            Sample(
                name: "pack header",
                encoded: packHeader.encoded,
                again: { try PackHeader($0).encoded },
                isCovered: true
            ),
            Sample(
                name: "pack footer",
                encoded: footer.encoded,
                again: { try PackFooter($0).encoded },
                isCovered: false
            ),
            Sample(
                name: "pack trailer",
                encoded: PackTrailer(footerOffset: 1004, footerLength: 300).encoded,
                again: { try PackTrailer($0).encoded },
                isCovered: true
            ),
            Sample(
                name: "configuration",
                encoded: RepositoryConfiguration(id: Array(0..<16), averageChunk: 65536).encoded,
                again: { try RepositoryConfiguration($0).encoded },
                isCovered: true
            ),
            Sample(
                name: "snapshot",
                encoded: Self.snapshot.encoded,
                again: { try Snapshot($0).encoded },
                isCovered: true
            ),
            Sample(
                name: "note",
                encoded: Self.snapshot.rest,
                again: { try SnapshotNote($0).encoded },
                isCovered: false
            ),
        ]
    }()
}
