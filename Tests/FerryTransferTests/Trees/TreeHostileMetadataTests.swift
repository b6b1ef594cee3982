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

/// A sender that breaks the rules about what lies beside content.
@Suite struct TreeHostileMetadataTests {
    private static let limit = ExtendedAttribute.sizeLimit

    private static func attribute(_ name: String, _ length: Int = 1) -> WireAttribute {
        var attribute = WireAttribute()
        attribute.name = Data(name.utf8)
        attribute.value = Data(count: length)
        return attribute
    }

    /// What a receiver says to the top and files in it, each with the same attributes.
    private func code(
        files: Int = 1,
        _ attributes: [WireAttribute] = [],
        _ change: (inout WireItems) -> Void = { _ in }
    ) throws -> FerryError.Code? {
        let scratch = try TreeScratch()
        let receiver = TreeReceiver(
            try RootDirectory(path: scratch.target).openTree(.root),
            options: TreeReceiver.Options(),
            limits: FrameLimits()
        )
        var items = WireItems()
        for number in 0...files {
            let name = number == 0 ? "" : String(100_000 + number)
            items.names.append(contentsOf: name.utf8)
            items.nameLengths.append(UInt32(name.utf8.count))
            items.modes.append(number == 0 ? 0o040755 : 0o100644)
            items.sizes.append(number == 0 ? 0 : 5)
            items.seconds.append(1)
            items.nanoseconds.append(0)
            guard number > 0, !attributes.isEmpty else { continue }
            var note = WireItemNote()
            note.item = UInt32(number)
            note.attributes = attributes
            items.notes.append(note)
        }
        change(&items)
        let sink = MemorySink()
        do throws(FerryError) {
            try receiver.received(Frame(.items(items)), sink: sink)
            while try receiver.proceed(sink: sink) == .more {}
            receiver.abandoned(FerryError(.connection, "the end of the test"))
            return nil
        } catch {
            receiver.abandoned(error)
            return error.code
        }
    }

    @Test(arguments: [
        "user.ferry.mode", "user.ferry.node", "trusted.ferry.owner", "security.selinux", "system.nfs4_acl", "user.a\0b",
        "",
        "user." + String(repeating: "n", count: 251),
    ]) func attributesThatNobodyTellsAreViolations(_ name: String) throws {
        #expect(try self.code([Self.attribute(name)]) == .violation)
    }

    @Test func attributesAreLimitedAndInOrder() throws {
        #expect(try self.code([Self.attribute("user." + String(repeating: "n", count: 250))]) == nil)
        #expect(try self.code([Self.attribute("user.a", Self.limit - 6)]) == nil)
        #expect(try self.code([Self.attribute("user.a", Self.limit - 5)]) == .violation)
        #expect(try self.code([Self.attribute("user.a"), Self.attribute("user.b")]) == nil)
        #expect(try self.code([Self.attribute("user.b"), Self.attribute("user.a")]) == .violation)
        #expect(try self.code([Self.attribute("user.a"), Self.attribute("user.a")]) == .violation)
    }

    @Test func ownersAreThoseThatWereTold() throws {
        let account: (inout WireItems, Int) -> Void = { items, count in
            items.accounts = Array(repeating: WireAccount(), count: count)
        }
        #expect(try self.code { account(&$0, WireConstants.accountsPerFrame) } == nil)
        #expect(try self.code { account(&$0, WireConstants.accountsPerFrame + 1) } == .violation)
        for (users, groups, code) in [
            ([1, 1], [1, 1], nil), ([0, 0], [0, 0], nil), ([1, 2], [1, 1], .violation), ([1, 1], [1], .violation),
            ([1], [1], .violation), ([1, .max], [1, 1], .violation),
        ] as [([UInt32], [UInt32], FerryError.Code?)] {
            let found = try self.code {
                account(&$0, 1)
                ($0.users, $0.groups) = (users, groups)
            }
            #expect(found == code, "\(users) \(groups)")
        }
    }

    /// Attributes of 24 KiB count for 49 things.
    @Test func attributesCountInTheWindow() throws {
        let most = WireConstants.itemWindow / ToldMetadata.mostWeight
        let attribute = Self.attribute("user.a", Self.limit - 6)
        #expect(try self.code(files: most, [attribute]) == nil)
        #expect(try self.code(files: most + 1, [attribute]) == .limit)
    }

    /// Nobody asked for special files.
    @Test func aSpecialFileIsAViolation() throws {
        #expect(try self.code { $0.modes[1] = 0o010644 } == .violation)
        #expect(try self.code { $0.modes[1] = 0o020644 } == .violation)
    }

    /// What has a name that is still another file's is no further name of that.
    @Test func aLinkToASpecialFileThatFailedIsNotMade() throws {
        let scratch = try TreeScratch()
        try scratch.makeSource()
        #expect(mkfifo(scratch.source + "/a", 0o600) == 0 && link(scratch.source + "/a", scratch.source + "/b") == 0)
        try scratch.write("target/a", "A")
        try scratch.write("target/b", "B")
        var options = TreeReceiver.Options()
        options.metadata.specials = true
        let calls = SystemCalls { name, _ in name == .mknodat ? .fail(EPERM) : .proceed }
        var generator = SeededGenerator(seed: 1)
        let pair = try TreePair(scratch.source, scratch.target, options: options, targetCalls: calls)
        try pair.run(&generator)
        #expect(pair.failedPaths == ["a: permission", "b: not-found"])
        #expect(scratch.read("target/a") == "A" && scratch.read("target/b") == "B")
    }
}
