import FerryChunking
import FerryErrors
import FerryFiles
import FerryProtocol
import FerryTestKit
import FerryTransfer
import FerryWire
import Foundation
import Glibc
import NIOCore
import Testing

/// A sender that breaks the rules: the receiver says so, and nothing outside the tree is touched.
@Suite struct TreeHostileTests {
    private static let file: UInt32 = 0o100644
    private static let directory: UInt32 = 0o040755
    private static let link: UInt32 = 0o120777

    /// A frame of items: name, mode, and what a link says.
    private func items(_ things: [(name: [UInt8], mode: UInt32, target: String)], last: Bool = false) -> Frame {
        var items = WireItems()
        for (index, thing) in things.enumerated() {
            items.names.append(contentsOf: thing.name)
            items.nameLengths.append(UInt32(thing.name.count))
            items.modes.append(thing.mode)
            items.sizes.append(thing.mode == Self.file ? 5 : 0)
            items.seconds.append(1_000_000_000)
            items.nanoseconds.append(0)
            guard !thing.target.isEmpty else { continue }
            var note = WireItemNote()
            note.item = UInt32(index)
            note.target = Data(thing.target.utf8)
            items.notes.append(note)
        }
        items.last = last
        return Frame(.items(items))
    }

    private func thing(_ name: String, _ mode: UInt32, _ target: String = "") -> ([UInt8], UInt32, String) {
        (Array(name.utf8), mode, target)
    }

    private func receiver(_ scratch: TreeScratch, isDryRun: Bool = false) throws -> TreeReceiver {
        var options = TreeReceiver.Options()
        options.isDryRun = isDryRun
        return TreeReceiver(
            try RootDirectory(path: scratch.target).openTree(.root),
            options: options,
            limits: FrameLimits()
        )
    }

    /// Feeds frames, and lets the receiver do all that it can after each.
    ///
    /// - Returns: what it answered.
    @discardableResult
    private func feed(_ receiver: TreeReceiver, _ frames: [Frame]) throws -> [Frame] {
        let sink = MemorySink()
        for frame in frames {
            try receiver.received(frame, sink: sink)
            while try receiver.proceed(sink: sink) == .more {}
        }
        return Array(sink.frames)
    }

    private func code(_ receiver: TreeReceiver, _ frames: [Frame]) -> FerryError.Code? {
        do {
            try self.feed(receiver, frames)
            return nil
        } catch {
            receiver.abandoned(error as? FerryError ?? FerryError(.internalError, "\(error)"))
            return (error as? FerryError)?.code
        }
    }

    private var top: ([UInt8], UInt32, String) { self.thing("", Self.directory) }

    @Test(arguments: [
        "..", ".", "", "a/b", "/nowhere/x", "../outside", "nul\0byte", ".ferry-part.x",
        String(repeating: "n", count: 256),
    ])
    func aNameThatLeadsElsewhereIsRefused(_ name: String) throws {
        for mode in [Self.file, Self.directory, Self.link] {
            let scratch = try TreeScratch()
            let frames = [self.items([self.top, self.thing(name, mode, mode == Self.link ? "x" : "")])]
            #expect(self.code(try self.receiver(scratch), frames) == .violation, "\(name)")
            #expect(try FileManager.default.contentsOfDirectory(atPath: scratch.path) == ["target"])
            #expect(try FileManager.default.contentsOfDirectory(atPath: scratch.target) == [])
        }
    }

    @Test func aNameMustNotComeTwiceNorOutOfOrder() throws {
        for second in ["b", "a"] {
            let frames = [self.items([self.top, self.thing("b", Self.file), self.thing(second, Self.file)])]
            #expect(self.code(try self.receiver(TreeScratch()), frames) == .violation, "\(second)")
        }
    }

    /// In a directory that would be made, and in one that could not be read: what is told of them is told on.
    @Test func namesAreCheckedWhereNothingIsMade() throws {
        for isDryRun in [true, false] {
            for names in [["../x"], [".."], [""], ["b", "b"], ["b", "a"]] {
                var frame = self.items(
                    [self.top, self.thing("new", Self.directory)] + names.map { self.thing($0, Self.file) }
                )
                guard case .items(var items) = frame.body else { return }
                if !isDryRun {
                    var note = WireItemNote()
                    (note.item, note.failure) = (1, WireFailure(FerryError(.permission, "no")))
                    items.notes = [note]
                }
                frame.body = .items(items)
                #expect(
                    self.code(try self.receiver(TreeScratch(), isDryRun: isDryRun), [frame]) == .violation,
                    "\(names)"
                )
            }
        }
    }

    /// A link to the outside, and then a directory of the same name through which to write.
    @Test func nothingIsWrittenThroughALink() throws {
        let scratch = try TreeScratch()
        try scratch.write("outside/file", "untouched")
        let link = self.thing("a", Self.link, "../outside")
        let frames = [self.items([self.top, link, self.thing("a", Self.directory), self.thing("file", Self.file)])]
        #expect(self.code(try self.receiver(scratch), frames) == .violation)
        // A link that was here before is replaced by the directory.
        let again = [self.items([self.top, self.thing("a", Self.directory), self.thing("file", Self.file)])]
        #expect(self.code(try self.receiver(scratch), again) == nil)
        #expect(scratch.read("outside/file") == "untouched")
        #expect(try FileManager.default.contentsOfDirectory(atPath: scratch.path + "/outside") == ["file"])
    }

    @Test func hardLinksLeadNowhereElse() throws {
        for first in [
            "../outside/secret", "/nowhere/x", "a/../../outside/secret", "through/secret", ".ferry-part.x", "",
        ] {
            let scratch = try TreeScratch()
            try scratch.write("outside/secret", "secret")
            try scratch.write("target/.ferry-part.x", "half")
            #expect(symlink("../outside", scratch.target + "/through") == 0)
            let receiver = try self.receiver(scratch)
            var frame = self.items(
                [self.top, self.thing("a", Self.directory), ([], 0, ""), self.thing("stolen", Self.file), ([], 0, "")],
                last: true
            )
            guard case .items(var items) = frame.body else { return }
            var note = WireItemNote()
            note.item = 3
            note.firstName = Data(first.utf8)
            items.notes = first.isEmpty ? [] : [note]
            frame.body = .items(items)
            let end = Frame.end(digest: ChunkID.pack([self.emptyDigest]), size: 0)
            if first.isEmpty {
                // Without a first name its content is needed, which does not come.
                #expect(self.code(receiver, [frame, end]) == .violation)
            } else {
                _ = self.code(receiver, [frame, end])
            }
            receiver.abandoned(FerryError(.cancelled, "over"))
            #expect(scratch.read("target/stolen") == nil, "\(first)")
        }
    }

    private var emptyDigest: ChunkID { RecipeDigest().finalize() }

    @Test func framesThatSayNothingGoodAreRefused() throws {
        var short = WireItems()
        short.modes = [Self.directory]
        var long = WireItems()
        long.modes = [Self.directory]
        long.nameLengths = [5]
        long.sizes = [0]
        long.seconds = [0]
        long.nanoseconds = [0]
        var late = long
        late.nameLengths = [0]
        late.nanoseconds = [1_000_000_000]
        var huge = late
        huge.nanoseconds = [0]
        huge.sizes = [.max]
        var extra = late
        extra.nanoseconds = [0]
        extra.names = Data([1])
        var noted = late
        noted.nanoseconds = [0]
        var note = WireItemNote()
        note.item = 1
        noted.notes = [note]
        let name = Frame.names(ids: Data(repeating: 1, count: 32), lengths: [5], ends: [1])
        let begun = self.items([self.top, self.thing("f", Self.file)])
        let cases: [(String, [Frame])] = [
            ("columns of different lengths", [Frame(.items(short))]),
            ("a name that is not there", [Frame(.items(long))]),
            ("nanoseconds that are a second", [Frame(.items(late))]),
            ("a size that no file has", [Frame(.items(huge))]),
            ("a name too many", [Frame(.items(extra))]),
            ("a note on nothing", [Frame(.items(noted))]),
            ("no directory first", [self.items([self.thing("f", Self.file)])]),
            ("an end before the beginning", [self.items([([], 0, "")])]),
            ("something after the end", [self.items([self.top, ([], 0, ""), self.thing("f", Self.file)])]),
            ("content that is not needed", [self.items([self.top]), name]),
            ("a recipe that ends early", [begun, .end(digest: ChunkID.pack([self.emptyDigest]), size: 0)]),
            ("more content than is needed", [begun, name, name]),
            (
                "ends out of order",
                [begun, .names(ids: Data(repeating: 1, count: 64), lengths: [1, 1], ends: [2, 1])]
            ),
            ("an end beyond the names", [begun, .names(ids: Data(repeating: 1, count: 32), lengths: [1], ends: [2])]),
            (
                "a note on no end",
                [begun, .names(ids: Data(repeating: 1, count: 32), lengths: [1], notes: [WireEndNote()])]
            ),
            ("a frame of another kind", [.list(path: Data())]),
        ]
        for (what, frames) in cases {
            #expect(self.code(try self.receiver(TreeScratch()), frames) == .violation, "\(what)")
        }
    }

    @Test(arguments: [WireConstants.itemWindow, WireConstants.itemWindow + 1]) func theWindowOfItemsIsKept(
        _ count: Int
    ) throws {
        // Needed files that never come stay outstanding.
        let receiver = try self.receiver(TreeScratch())
        var things = [self.top]
        for number in 0..<(count - 1) { things.append(self.thing(String(format: "f%05d", number), Self.file)) }
        var frames: [Frame] = []
        for start in stride(from: 0, to: things.count, by: 500) {
            frames.append(self.items(Array(things[start...].prefix(500))))
        }
        // The top itself is decided and no longer outstanding.
        frames.append(self.items([self.thing("g", Self.file)]))
        #expect(self.code(receiver, frames) == (count == WireConstants.itemWindow ? nil : .limit))
    }

    /// A file that is said to come once more, again and again, must not be believed for ever.
    @Test func aFileThatComesAgainAndAgainIsAViolation() throws {
        let receiver = try self.receiver(TreeScratch())
        var note = WireEndNote()
        note.again = true
        let again = Frame.names(ids: Data(), lengths: [], ends: [0], notes: [note])
        let frames = [self.items([self.top, self.thing("f", Self.file)])] + Array(repeating: again, count: 20)
        #expect(self.code(receiver, frames) == .violation)
    }

    @Test func aDeepTreeOfAStrangerEnds() throws {
        let receiver = try self.receiver(TreeScratch())
        var frames = [self.items([self.top])]
        for _ in 0...TreeWalk.maximumDepth { frames.append(self.items([self.thing("d", Self.directory)])) }
        #expect(self.code(receiver, frames) == .limit)
    }

    @Test func setuidIsNotTakenFromAStranger() throws {
        var generator = SeededGenerator(seed: 1)
        let scratch = try TreeScratch()
        try scratch.write("source/tool", "#!/bin/sh")
        #expect(chmod(scratch.source + "/tool", 0o6755) == 0)
        for (isDaemon, isPrivileged) in [(true, true), (true, false), (false, false)] {
            var options = TreeReceiver.Options()
            options.metadata.isDaemon = isDaemon
            options.metadata.isPrivileged = isPrivileged
            let pair = try TreePair(scratch.source, scratch.target, options: options)
            try pair.run(&generator)
            let attributes = try FileManager.default.attributesOfItem(atPath: scratch.target + "/tool")
            #expect(attributes[.posixPermissions] as? Int == 0o755)
        }
    }

    /// A block that holds something else than its names say ends the transfer, and nothing of it appears.
    @Test func bytesThatAreNotWhatTheirNameSaysAreRefused() throws {
        let scratch = try TreeScratch()
        let receiver = try self.receiver(scratch)
        let id = Array("hello".utf8).withUnsafeBytes { ChunkID(hashing: $0) }
        let names = Frame.names(ids: ChunkID.pack([id]), lengths: [5], ends: [1])
        let block = Frame.block(
            codec: .stored,
            ids: ChunkID.pack([id]),
            lengths: [5],
            payload: ByteBuffer(string: "hullo")
        )
        let frames = [self.items([self.top, self.thing("f", Self.file), ([], 0, "")], last: true), names, block]
        #expect(self.code(receiver, frames) == .integrity)
        #expect(try FileManager.default.contentsOfDirectory(atPath: scratch.target) == [])
    }
}
