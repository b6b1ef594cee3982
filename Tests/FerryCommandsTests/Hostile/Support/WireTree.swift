import FerryWire
import FoundationEssentials

/// A thing of a tree as a sender tells of it, legal or not.
struct WireThing: Sendable {
    static let file: UInt32 = 0o100644
    static let directory: UInt32 = 0o040755
    static let link: UInt32 = 0o120777
    static let top = WireThing("", directory)
    /// The directory that was entered last ends.
    static let end = WireThing("", 0)

    let name: String
    let mode: UInt32
    var size = 0
    /// What a link says.
    var target = ""
    /// The earlier name of a file that has this one too.
    var firstName = ""

    init(_ name: String, _ mode: UInt32, size: Int = 0, target: String = "", firstName: String = "") {
        self.name = name
        self.mode = mode
        self.size = size
        self.target = target
        self.firstName = firstName
    }
}

extension [WireThing] {
    func items(last: Bool = false) -> Frame {
        var items = WireItems()
        for (index, thing) in self.enumerated() {
            items.names.append(contentsOf: thing.name.utf8)
            items.nameLengths.append(UInt32(thing.name.utf8.count))
            items.modes.append(thing.mode)
            items.sizes.append(UInt64(thing.size))
            items.seconds.append(thing.mode == 0 ? 0 : 1_000_000_000)
            items.nanoseconds.append(0)
            guard !thing.target.isEmpty || !thing.firstName.isEmpty else { continue }
            var note = WireItemNote()
            note.item = UInt32(index)
            note.target = Data(thing.target.utf8)
            note.firstName = Data(thing.firstName.utf8)
            items.notes.append(note)
        }
        items.last = last
        return Frame(.items(items))
    }
}

extension [WireChunk] {
    /// The names of files that end after so many of these chunks.
    func names(ends: [Int]) -> Frame {
        guard case .names(var names) = self.names.body else { return self.names }
        names.ends = ends.map { UInt32($0) }
        return Frame(.names(names))
    }
}

extension WirePeer {
    static func pushTree(_ path: String, _ options: WireTreeOptions = WireTreeOptions(), connections: Int = 0) -> Frame
    {
        .pushTree(path: Data(path.utf8), options: options, makeParents: false, connections: connections)
    }

    static func pullTree(_ path: String, _ options: WireTreeOptions = WireTreeOptions(), connections: Int = 0) -> Frame
    {
        .pullTree(path: Data(path.utf8), options: options, compression: .off, connections: connections)
    }

    func needs() async throws -> WireNeeds {
        let frame = await self.next()
        guard case .needs(let needs) = frame?.body else { throw Unexpected(frame) }
        return needs
    }

    /// All that is told of a tree.
    func items() async throws -> [WireItems] {
        var all: [WireItems] = []
        while all.last?.last != true {
            let frame = await self.next()
            guard case .items(let items) = frame?.body else { throw Unexpected(frame) }
            all.append(items)
        }
        return all
    }

    func tickets() async throws -> [Data] {
        let frame = await self.next()
        guard case .ready(let ready) = frame?.body else { throw Unexpected(frame) }
        return ready.tickets
    }

    /// A tree with one file, of which the first of these chunks have come.
    func pushHalf(of chunks: [WireChunk], to path: String, connections: Int = 0) async throws -> [Data] {
        try await self.send(Self.pushTree(path, connections: connections))
        let tickets = try await self.tickets()
        let size = chunks.reduce(0) { $0 + $1.bytes.count }
        try await self.send([.top, WireThing("a", WireThing.file, size: size)].items())
        _ = try await self.needs()
        try await self.send(chunks.names)
        _ = try await self.wants()
        try await self.send(chunks[0].block())
        return tickets
    }

    /// Answers what is told of a tree: the content of these things is needed, and wanted as far as the first names say.
    func want(_ things: [UInt32]) async throws {
        let told = try await self.items().reduce(0) { $0 + $1.modes.count }
        try await self.send(.needs(decided: told, items: things, oldSizes: things.map { _ in 0 }))
        let frame = await self.next()
        guard case .names(let names) = frame?.body else { throw Unexpected(frame) }
        try await self.send(.wants(decided: names.lengths.count, ids: names.ids))
    }
}
