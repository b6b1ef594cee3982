import FerryErrors
import FerryFiles
import FerryProtocol
import FerryTestKit
import FerryTransfer
import Foundation
import Glibc
import Testing

/// What a tree's things have besides their content: owners, extended attributes, ACLs, special files.
@Suite struct TreeMetadataTests {
    private func policy(daemon isDaemon: Bool = false, privileged: Bool? = nil) -> MetadataPolicy {
        var policy = MetadataPolicy()
        policy.isDaemon = isDaemon
        policy.isNumeric = true
        if let privileged { policy.isPrivileged = privileged }
        return policy
    }

    private func options(_ policy: MetadataPolicy, deletes: Bool = false) -> TreeReceiver.Options {
        var options = TreeReceiver.Options()
        options.metadata = policy
        options.deletes = deletes
        options.reports = true
        return options
    }

    @discardableResult
    private func transfer(
        _ source: String,
        _ target: String,
        _ options: TreeReceiver.Options,
        from sourceMetadata: MetadataPolicy? = nil
    ) throws -> TreePair {
        var generator = SeededGenerator(seed: 1)
        let pair = try TreePair(source, target, options: options, sourceMetadata: sourceMetadata)
        try pair.run(&generator)
        return pair
    }

    private func set(_ path: String, _ name: String, _ value: [UInt8]) {
        TreeFixture.setAttribute(Array(path.utf8), name, value)
    }

    /// Attributes and ACLs are told, compared, changed and removed without the content.
    @Test func attributesFollowWithoutTheContent() throws {
        let scratch = try TreeScratch()
        try scratch.write("source/d/f", "content")
        try scratch.write("source/protected", "content")
        for path in ["/d", "/d/f", "/protected"] { self.set(scratch.source + path, "user.colour", [1, 0, 255]) }
        self.set(scratch.source + "/d", TreeFixture.standardList, TreeFixture.list(user: 11))
        #expect(chmod(scratch.source + "/protected", 0o444) == 0)
        let options = self.options(MetadataPolicy())
        #expect(try self.transfer(scratch.source, scratch.target, options).failedPaths == [])
        #expect(try TreeFixture.differences(scratch.source, scratch.target) == "")
        for (path, name, value) in [
            ("/d/f", "user.colour", [2]), ("/d/f", "user.more", []), ("/protected", "user.colour", [3]),
            ("/d", TreeFixture.accessList, TreeFixture.list(user: 9)), ("/d", "user.colour", [4]),
        ] as [(String, String, [UInt8])] { self.set(scratch.source + path, name, value) }
        let second = try self.transfer(scratch.source, scratch.target, options)
        #expect(second.changes == ["changed d 136", "changed d/f 128", "changed protected 128"])
        #expect(second.sender.summary.tree?.changed == 0)
        #expect(try TreeFixture.differences(scratch.source, scratch.target) == "")
        for path in ["/d/f", "/protected"] {
            for name in TreeFixture.attributes(scratch.source + path).keys {
                TreeFixture.removeAttribute(scratch.source + path, name)
            }
        }
        try self.transfer(scratch.source, scratch.target, options)
        #expect(TreeFixture.attributes(scratch.target + "/protected") == [:])
        #expect(try TreeFixture.differences(scratch.source, scratch.target) == "")
        let before = TreeFixture.fingerprint(scratch.target)
        #expect(try self.transfer(scratch.source, scratch.target, options).changes == [])
        #expect(TreeFixture.fingerprint(scratch.target) == before)
    }

    @Test func whatIsNotAskedForStays() throws {
        let scratch = try TreeScratch()
        try scratch.write("source/f", "content")
        self.set(scratch.source + "/f", "user.a", [1])
        try scratch.write("target/f", "other")
        self.set(scratch.target + "/f", "user.b", [2])
        var options = self.options(MetadataPolicy())
        options.metadata.attributes = false
        options.metadata.owners = false
        try self.transfer(scratch.source, scratch.target, options)
        #expect(scratch.read("target/f") == "content")
        #expect(TreeFixture.attributes(scratch.target + "/f") == [:], "a new file has none of the old one's")
        self.set(scratch.target + "/f", "user.b", [2])
        #expect(try self.transfer(scratch.source, scratch.target, options).changes == [])
        #expect(TreeFixture.attributes(scratch.target + "/f") == ["user.b": [2]])
    }

    /// Who may write to a directory's files by what it hands down keeps that; the source has nothing to say there.
    @Test func whatADirectoryHandsDownStays() throws {
        let scratch = try TreeScratch()
        self.set(scratch.target, TreeFixture.standardList, TreeFixture.list(user: 21))
        self.set(scratch.target, TreeFixture.accessList, TreeFixture.list(user: 21))
        try scratch.write("source/d/f", "content")
        let options = self.options(MetadataPolicy())
        for _ in 0..<2 {
            #expect(try self.transfer(scratch.source, scratch.target, options).failedPaths == [])
            #expect(TreeFixture.attributes(scratch.target)[TreeFixture.accessList] != nil)
            #expect(TreeFixture.attributes(scratch.target + "/d")[TreeFixture.standardList] != nil)
            #expect(TreeFixture.attributes(scratch.target + "/d/f")[TreeFixture.accessList] != nil)
        }
        // A file that has its own is exact.
        self.set(scratch.source + "/d/f", TreeFixture.accessList, TreeFixture.list(user: 5))
        try self.transfer(scratch.source, scratch.target, options)
        #expect(TreeFixture.attributes(scratch.target + "/d/f")[TreeFixture.accessList] == TreeFixture.list(user: 5))
        // Where the source hands down something, all is exact again.
        for path in ["", "/d"] {
            self.set(scratch.source + path, TreeFixture.standardList, TreeFixture.list(user: 6))
            self.set(scratch.source + path, TreeFixture.accessList, TreeFixture.list(user: 6))
        }
        TreeFixture.removeAttribute(scratch.source + "/d/f", TreeFixture.accessList)
        for _ in 0..<2 { try self.transfer(scratch.source, scratch.target, options) }
        #expect(try TreeFixture.differences(scratch.source, scratch.target) == "")
    }

    @Test(.enabled(if: geteuid() == 0, "only the administrator gives files away"))
    func aDaemonKeepsWhatItDoesNotSetAndAPullBringsItBack() throws {
        let scratch = try TreeScratch()
        let back = try scratch.place("back/x")
        try scratch.write("source/d/tool", "#!/bin/sh")
        #expect(chown(scratch.source + "/d", 4001, 4002) == 0 && chmod(scratch.source + "/d", 0o2750) == 0)
        let tool = scratch.source + "/d/tool"
        #expect(chown(tool, 4003, 4004) == 0 && chmod(tool, 0o4755) == 0)
        // CAP_NET_RAW, permitted (capabilities(7), revision 2).
        let capability: [UInt8] = [0, 0, 0, 2, 0, 32, 0, 0] + [UInt8](repeating: 0, count: 12)
        self.set(tool, "security.capability", capability)
        self.set(tool, "trusted.mark", [7])
        #expect(mkfifo(scratch.source + "/pipe", 0o640) == 0)
        #expect(mknod(scratch.source + "/null", S_IFCHR | 0o666, dev_t(0x103)) == 0)
        #expect(chmod(scratch.source + "/null", 0o666) == 0)
        #expect(link(scratch.source + "/null", scratch.source + "/null2") == 0)
        var daemon = self.policy(daemon: true, privileged: false)
        (daemon.specials, daemon.keepsTrusted) = (true, false)
        var told = self.policy()
        told.specials = true
        #expect(try self.transfer(scratch.source, scratch.target, self.options(daemon), from: told).failedPaths == [])
        let kept = TreeFixture.attributes(scratch.target + "/d/tool")
        #expect(kept["user.ferry.owner"] == Array("4003:4004::".utf8))
        #expect(kept["user.ferry.mode"] == Array("4755".utf8))
        #expect(kept["user.ferry.kept.security.capability"] == capability)
        #expect(kept["user.ferry.kept.trusted.mark"] == [7])
        #expect(kept["security.capability"] == nil)
        #expect(TreeFixture.owner(scratch.target + "/d/tool") == "100755 0:0")
        #expect(TreeFixture.attributes(scratch.target + "/null")["user.ferry.node"] == Array("c 1:3".utf8))
        #expect(TreeFixture.owner(scratch.target + "/null") == "100644 0:0")
        let before = TreeFixture.fingerprint(scratch.target)
        #expect(try self.transfer(scratch.source, scratch.target, self.options(daemon), from: told).changes == [])
        #expect(TreeFixture.fingerprint(scratch.target) == before)
        let place = URL(fileURLWithPath: back).deletingLastPathComponent().path
        #expect(try self.transfer(scratch.target, place, self.options(told), from: daemon).failedPaths == [])
        #expect(try TreeFixture.differences(scratch.source, place) == "")
        #expect(TreeFixture.owner(place + "/d/tool") == "104755 4003:4004")
        #expect(TreeFixture.attributes(place + "/d/tool")["security.capability"] == capability)
        #expect(TreeFixture.owner(place + "/null") == "20666 0:0")
        let there = TreeFixture.fingerprint(place)
        #expect(try self.transfer(scratch.target, place, self.options(told), from: daemon).changes == [])
        #expect(TreeFixture.fingerprint(place) == there)
    }

    /// What lies beside a file of somebody else says nothing about it, and a client pays no heed to it at all.
    @Test(.enabled(if: geteuid() == 0, "only the administrator gives files away"))
    func onlyADaemonsOwnFilesSayWhoseTheyAre() throws {
        let scratch = try TreeScratch()
        try scratch.write("source/f", "content")
        self.set(scratch.source + "/f", "user.ferry.owner", Array("0:0::".utf8))
        self.set(scratch.source + "/f", "user.ferry.mode", Array("4755".utf8))
        #expect(chown(scratch.source + "/f", 4001, 4001) == 0)
        for from in [self.policy(daemon: true), self.policy()] {
            #expect(
                try self.transfer(scratch.source, scratch.target, self.options(self.policy()), from: from).failedPaths
                    == []
            )
            #expect(TreeFixture.owner(scratch.target + "/f") == "100644 4001:4001")
            #expect(TreeFixture.attributes(scratch.target + "/f") == [:])
        }
    }

    @Test func specialFilesAreLeftOutWithANote() throws {
        let scratch = try TreeScratch()
        try scratch.write("source/f", "content")
        #expect(mkfifo(scratch.source + "/pipe", 0o640) == 0)
        try scratch.write("target/pipe", "is not deleted")
        let first = try self.transfer(scratch.source, scratch.target, self.options(MetadataPolicy(), deletes: true))
        #expect(first.skipped == ["pipe"])
        #expect(first.failedPaths == [])
        #expect(scratch.read("target/pipe") == "is not deleted")
        var options = self.options(MetadataPolicy(), deletes: true)
        options.metadata.specials = true
        let second = try self.transfer(scratch.source, scratch.target, options)
        #expect(second.changes == ["changed pipe 16"])
        #expect(try TreeFixture.differences(scratch.source, scratch.target) == "")
        #expect(try self.transfer(scratch.source, scratch.target, options).changes == [])
    }

    /// A file arrives though its attributes do not fit, and that is said.
    @Test func attributesThatTheFileSystemRefusesAreNamed() throws {
        let scratch = try TreeScratch()
        try scratch.write("source/f", "content")
        try scratch.write("source/g", "content")
        self.set(scratch.source + "/f", "user.a", [1])
        let calls = SystemCalls { name, _ in name == .setxattr ? .fail(ENOSPC) : .proceed }
        var generator = SeededGenerator(seed: 1)
        let pair = try TreePair(scratch.source, scratch.target, targetCalls: calls)
        try pair.run(&generator)
        #expect(pair.failedPaths == ["f: too-large"])
        #expect(scratch.read("target/f") == "content")
        #expect(scratch.read("target/g") == "content")
    }

    private func tool(_ scratch: TreeScratch) throws -> String {
        try scratch.write("source/tool", "#!/bin/sh")
        let tool = scratch.source + "/tool"
        #expect(chown(tool, 4003, 4004) == 0 && chmod(tool, 0o6755) == 0)
        return tool
    }

    /// Also what it gives away: nobody else can write what lies beside it then.
    @Test(.enabled(if: geteuid() == 0, "only the administrator gives files away"), arguments: [true, false])
    func aDaemonThatGivesAwayBringsBackAsWell(_ keepsTrusted: Bool) throws {
        let scratch = try TreeScratch()
        let tool = try self.tool(scratch)
        #expect(mknod(scratch.source + "/null", S_IFCHR | 0o666, dev_t(0x103)) == 0)
        #expect(lchown(scratch.source + "/null", 4005, 4006) == 0)
        var daemon = self.policy(daemon: true, privileged: true)
        (daemon.specials, daemon.keepsTrusted) = (true, keepsTrusted)
        var told = self.policy()
        told.specials = true
        #expect(try self.transfer(scratch.source, scratch.target, self.options(daemon), from: told).failedPaths == [])
        #expect(TreeFixture.owner(scratch.target + "/tool") == (keepsTrusted ? "100755 4003:4004" : "100755 0:0"))
        let back = try scratch.place("back/x").dropLast(2)
        for _ in 0..<2 {
            let pull = try self.transfer(scratch.target, String(back), self.options(told), from: daemon)
            #expect(pull.failedPaths == [])
            #expect(TreeFixture.owner(back + "/tool") == TreeFixture.owner(tool))
            #expect(try TreeFixture.differences(scratch.source, String(back)) == "")
        }
        let again = try self.transfer(scratch.source, scratch.target, self.options(daemon), from: told)
        #expect(again.changes == [])
    }

    /// Without its owner, what runs as that one would run as whoever the file belongs to here.
    @Test(.enabled(if: geteuid() == 0, "only the administrator gives files away"))
    func rightsAreKeptOnlyWithTheOwner() throws {
        let scratch = try TreeScratch()
        _ = try self.tool(scratch)
        var daemon = self.policy(daemon: true, privileged: false)
        (daemon.owners, daemon.keepsTrusted) = (false, false)
        var told = self.policy()
        told.owners = false
        try self.transfer(scratch.source, scratch.target, self.options(daemon), from: told)
        #expect(TreeFixture.attributes(scratch.target + "/tool") == [:])
        #expect(TreeFixture.owner(scratch.target + "/tool") == "100755 0:0")
    }

    /// A user lets a program run as itself; a push that gives it to another one takes that away.
    @Test(.enabled(if: geteuid() == 0, "only the administrator gives files away"), arguments: [true, false])
    func noUsersProgramBecomesAnothers(_ isDaemon: Bool) throws {
        let scratch = try TreeScratch()
        try scratch.write("source/tool", "#!/bin/sh")
        try scratch.write("target/tool", "#!/bin/sh")
        for path in [scratch.source, scratch.target] { TreeFixture.setTime(path + "/tool", seconds: 1) }
        #expect(chown(scratch.target + "/tool", 4001, 4001) == 0 && chmod(scratch.target + "/tool", 0o4755) == 0)
        let options = self.options(self.policy(daemon: isDaemon, privileged: true))
        try self.transfer(scratch.source, scratch.target, options, from: self.policy())
        #expect(TreeFixture.owner(scratch.target + "/tool") == "100644 0:0")
    }

    /// What a file becomes in the end, it is not before it belongs to whom it will.
    @Test(.enabled(if: geteuid() == 0, "only the administrator gives files away"))
    func nothingRunsAsThisProcessOnItsWay() throws {
        let scratch = try TreeScratch()
        let tool = try self.tool(scratch)
        // A smaller one has no name until then.
        try scratch.write("source/tool", String(repeating: "#", count: 100_000))
        let target = scratch.target
        let calls = SystemCalls { name, _ in
            if name == .fchownat {
                let names = (try? FileManager.default.contentsOfDirectory(atPath: target)) ?? []
                let owners = names.map { TreeFixture.owner(target + "/" + $0) }
                #expect(owners == ["100755 0:0"], "\(owners)")
            }
            return .proceed
        }
        var generator = SeededGenerator(seed: 1)
        let pair = try TreePair(scratch.source, target, targetCalls: calls)
        try pair.run(&generator)
        #expect(TreeFixture.owner(target + "/tool") == TreeFixture.owner(tool))
    }

    /// A file system without owners keeps the file, and the failure has its name.
    @Test(.enabled(if: geteuid() == 0, "only the administrator gives files away"))
    func anOwnerThatIsRefusedIsNamed() throws {
        let scratch = try TreeScratch()
        _ = try self.tool(scratch)
        let calls = SystemCalls { name, _ in name == .fchownat ? .fail(EINVAL) : .proceed }
        var generator = SeededGenerator(seed: 1)
        let pair = try TreePair(scratch.source, scratch.target, targetCalls: calls)
        try pair.run(&generator)
        #expect(pair.failedPaths == ["tool: permission"])
        #expect(TreeFixture.owner(scratch.target + "/tool") == "100755 0:0")
    }

    /// Whoever may write to a file may write what lies beside it.
    @Test func whatOthersMayWriteIsNotBelieved() throws {
        for mode in [0o666, 0o622, 0o606] as [mode_t] {
            let scratch = try TreeScratch()
            try scratch.write("source/f", "content")
            self.set(scratch.source + "/f", "user.ferry.mode", Array("4755".utf8))
            self.set(scratch.source + "/f", "user.ferry.node", Array("c 1:3".utf8))
            #expect(chmod(scratch.source + "/f", mode) == 0)
            try self.transfer(
                scratch.source,
                scratch.target,
                self.options(self.policy()),
                from: self.policy(daemon: true)
            )
            let path = scratch.target + "/f"
            #expect(TreeFixture.owner(path).hasPrefix("100" + String(mode, radix: 8)) || mode == 0o622)
            #expect(scratch.read("target/f") == "content")
        }
    }

    /// Attributes that do not fit are named; what has them comes without, and all that is in it.
    @Test func whatCannotBeToldIsNamed() throws {
        let scratch = try TreeScratch()
        try scratch.write("source/d/f", "content")
        let calls = SystemCalls { name, _ in name == .getxattr ? .fail(EACCES) : .proceed }
        self.set(scratch.source + "/d", "user.a", [1])
        var generator = SeededGenerator(seed: 1)
        let pair = try TreePair(scratch.source, scratch.target, sourceCalls: calls)
        try pair.run(&generator)
        #expect(scratch.read("target/d/f") == "content")
        #expect(pair.sender.summary.tree?.failed == 1)
    }

    /// As many attributes as there is room for, of many files: each counts in the window of things.
    @Test func manyAttributesArrive() throws {
        let scratch = try TreeScratch()
        for number in 0..<1500 {
            try scratch.write("source/\(number)", "x")
            self.set(scratch.source + "/\(number)", "user.a", [UInt8](repeating: 1, count: 3000))
        }
        var options = self.options(MetadataPolicy())
        options.reports = false
        #expect(try self.transfer(scratch.source, scratch.target, options).failedPaths == [])
        #expect(try TreeFixture.differences(scratch.source, scratch.target) == "")
    }
}
