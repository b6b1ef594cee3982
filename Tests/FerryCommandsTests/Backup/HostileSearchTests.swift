import FerryChunking
import FerryErrors
import FerryObjects
import FerryTestKit
import FerryWire
import Foundation
import NIOCore
import SwiftProtobuf
import Testing

/// Searches and comparisons that are asked for, or answered, against the rules; and snapshots that are damaged.
@Suite(.timeLimit(.minutes(Soak.count(5, soak: 20)))) struct HostileSearchTests {
    private static let hello = WireObject.data("hello")
    private static let top = WireObject.directory([hello.file("a")])
    /// The list of a file's chunks, where a directory should be.
    private static let chunks = WireObject.node(RecipeLeaf([.chunk(hello.id, length: 5)]).node)

    private static func besieged(_ body: (Besieged) async throws -> Void) async throws {
        try await Besieged.with { besieged in
            let daemon = besieged.daemon
            let made = try await daemon.ferryd("repository", "create", "laptops", "--path", daemon.repository)
            #expect(made.status == 0, "\(made.errors)")
            #expect(try await daemon.ferryd("grant", "alice", "laptops=read,write").status == 0)
            try await body(besieged)
        }
    }

    private static func find(_ change: (inout WireFind) -> Void = { _ in }) -> Frame {
        var request = WireFind()
        (request.path, request.patterns) = (Data("laptops".utf8), [Data("a".utf8)])
        change(&request)
        return .find(request)
    }

    private static func diff(_ old: String, _ new: String) -> Frame {
        .diff(.with { ($0.old, $0.new) = (Data(old.utf8), Data(new.utf8)) })
    }

    @Test func damageIsNamedAndTheRestIsTold() async throws {
        try await Self.besieged { besieged in
            let peer = try await besieged.logIn()
            try await peer.backUp([
                Self.hello, Self.top, WireObject.directory([Self.top.entry("bad"), Self.top.entry("good")]),
            ])
            let lie = WireObject.directory([Self.chunks.entry("bad"), Self.top.entry("good"), Self.hello.file("new")])
            try await peer.backUp([Self.hello, Self.top, Self.chunks, lie])
            await peer.close()
            let daemon = besieged.daemon
            let ids = try await daemon.snapshots().compactMap { $0["id"] as? String }
            let found = try await daemon.ferry("find", "nas:laptops", "a")
            #expect(
                found.status == 3 && found.errors.contains("bad in the snapshot \(ids[1].prefix(8))"),
                "\(found.errors)"
            )
            let lines = found.text.split(separator: "\n").dropFirst().map { $0.split(separator: " ").map(String.init) }
            #expect(lines.map { $0[$0.count - 1] } == ["bad/a", "good/a"], "\(found.text)")
            #expect(lines.map { $0[2] } == ["1", "2"] && lines[0][0] == ids[0].prefix(8), "\(found.text)")
            // Nothing was found, which is not known to be all.
            #expect(try await daemon.ferry("find", "nas:laptops@latest", "none").status == 3)
            #expect(try await daemon.ferry("find", "nas:laptops@latest/good", "none").status == 6)
            let diff = try await daemon.ferry("diff", "nas:laptops@\(ids[0])", "nas:laptops@latest", "--exit-code")
            #expect(
                diff.status == 3 && diff.text == "+ new\n" && diff.errors.contains("bad: in the new one"),
                "\(diff.errors)"
            )
            let json = try await daemon.ferry("diff", "--json", "nas:laptops@\(ids[0])", "nas:laptops@latest").events()
            #expect(json.contains { $0["event"] as? String == "error" && $0["path"] as? String == "bad" })
        }
    }

    @Test func requestsThatAreNone() async throws {
        try await Self.besieged { besieged in
            let peer = try await besieged.logIn()
            try await peer.backUp([Self.hello, Self.top])
            let long = Data(repeating: 0x61, count: 5000)
            for (code, request) in [
                (FerryError.Code.usage, Self.find { $0.patterns = [] }),
                (.usage, Self.find { $0.patterns = Array(repeating: Data("a".utf8), count: 65) }),
                (.usage, Self.find { $0.patterns = [long] }),
                (.usage, Self.find { $0.patterns = Array(repeating: long.prefix(4000), count: 5) }),
                (.usage, Self.find { $0.patterns = [Data("[".utf8)] }),
                (.usage, Self.find { $0.patterns = [Data([0x61, 0])] }), (.usage, Self.find { $0.kinds = 16 }),
                (.usage, Self.find { $0.host = long }), (.usage, Self.find { $0.path = Data("laptops/a".utf8) }),
                (.denied, Self.find { $0.path = Data() }), (.denied, Self.find { $0.path = Data([0xFF]) }),
                (.denied, Self.find { $0.path = Data("none@latest".utf8) }),
                (.invalidPath, Self.find { $0.path = Data("laptops@latest/../a".utf8) }),
                (.notADirectory, Self.find { $0.path = Data("laptops@latest/a".utf8) }),
                (.notFound, Self.find { $0.path = Data("laptops@none".utf8) }), (.usage, Self.diff("", "")),
                (.usage, Self.diff("laptops", "laptops@latest")), (.denied, Self.diff("a@latest", "laptops@latest")),
                (.invalidPath, Self.diff("laptops@latest", "laptops@latest/./a")),
            ] {
                try await peer.send(request)
                #expect(await peer.failure() == code, "\(request.body)")
            }
            // Each was refused, and no more than that: the connection goes on.
            try await peer.send(Self.find())
            let found = try #require(await Self.findings(peer))
            #expect(found.count == 2 && found[0].searched.first, "\(found)")
            #expect(found.last?.found.path == Data("a".utf8) && found.last?.found.entry.size == 5, "\(found)")
            try await peer.send(Self.diff("laptops@latest", "laptops@latest/a"))
            guard case .differences(let told) = await peer.next()?.body, told.differences.count == 2 else {
                Issue.record("a directory and a file do not differ")
                return
            }
            let differences = told.differences
            // The one is the other's place, and what is in a directory is gone.
            #expect(differences[0].path.isEmpty && differences[0].hasOld && differences[0].hasNew)
            #expect(differences[1].path == Data("a".utf8) && differences[1].hasOld && !differences[1].hasNew)
            guard case .finished = await peer.next()?.body else {
                Issue.record("the comparison does not end")
                return
            }
            await peer.close()
            // Before a search is over there is nothing to be said.
            let early = try await besieged.logIn()
            try await early.backUp(Self.doubling)
            try await early.send(Self.find { $0.patterns = [Data("/a/**/none".utf8)] }, Frame.credit(1))
            #expect(await early.failure() == .violation)
            await early.close()
        }
    }

    /// What a search finds; nil if it does not end as it should.
    private static func findings(_ peer: WirePeer) async -> [WireFinding]? {
        var all: [WireFinding] = []
        while let frame = await peer.next() {
            switch frame.body {
            case .findings(let findings): all += findings.findings
            case .finished: return all
            default: return nil
            }
        }
        return nil
    }

    /// A snapshot of some hundred bytes that tells of more places than can be gone through.
    private static let doubling: [WireObject] = {
        var objects = [Self.hello, Self.top]
        for _ in 0..<100 {
            let last = objects[objects.count - 1]
            objects.append(WireObject.directory([last.entry("a"), last.entry("b")]))
        }
        return objects
    }()

    /// Who asks for what takes forever, and leaves, is not worked for any longer; others are served meanwhile.
    @Test func whoLeavesAnEndlessWalk() async throws {
        try await Self.besieged { besieged in
            let peer = try await besieged.logIn()
            try await peer.backUp(Self.doubling)
            try await peer.backUp([Self.hello, Self.top])
            await peer.close()
            let ids = try await besieged.daemon.snapshots().compactMap { $0["id"] as? String }
            var collapsing = WireDiff.with {
                $0.old = Data("laptops@\(ids[1])".utf8)
                $0.new = Data("laptops@\(ids[0])".utf8)
            }
            collapsing.collapse = true
            for (name, request) in [
                ("find", Self.find { $0.patterns = [Data("/a/**/none".utf8)] }), ("diff", .diff(collapsing)),
            ] {
                let peer = try await besieged.logIn()
                try await peer.send(request)
                try await besieged.serve()
                await peer.close()
                _ = try await besieged.daemon.log.text(matching: "\(name) failed")
            }
        }
    }

    /// Of a tree as deep as it is wide, the daemon holds but a part of what it has begun to read.
    @Test func aSnapshotAsDeepAsWide() async throws {
        try await Self.besieged { besieged in
            let peer = try await besieged.logIn()
            let empty = Entry(name: [], mode: 0o100644, seconds: 0, nanoseconds: 0, content: .segments([]))
            let files = (0..<8000).map { number in
                var entry = empty
                entry.name = Array("f\(number + 10_000)".utf8)
                return entry
            }
            func levels(_ bottom: WireObject) -> [WireObject] {
                var objects = [Self.hello, bottom]
                for _ in 0..<200 {
                    objects.append(WireObject.directory([objects[objects.count - 1].entry("d")] + files))
                }
                return objects
            }
            try await peer.backUp(levels(Self.top))
            try await peer.backUp(levels(WireObject.directory([Self.hello.file("b")])))
            await peer.close()
            let daemon = besieged.daemon
            let ids = try await daemon.snapshots().compactMap { $0["id"] as? String }
            for command in [
                "find nas:laptops a", "diff nas:laptops@\(ids[0]) nas:laptops@\(ids[1]) --content-only",
                "restore nas:laptops@\(ids[0]) back --exclude 'f*'",
            ] {
                try besieged.forgetPeak()
                let before = try besieged.peak()
                let done = try await daemon.shell("ferry \(command)")
                #expect(done.status == 0, "\(command): \(done.errors)")
                // Two snapshots of 200 levels, each of which is more than 1 MiB.
                let taken = try besieged.peak() - before
                #expect(taken < 96 << 20, "\(command): \(taken >> 20) MiB")
            }
        }
    }

    /// Directories within directories, deeper than any disk has them.
    @Test func aSnapshotOfGreatDepth() async throws {
        try await Self.besieged { besieged in
            let peer = try await besieged.logIn()
            var objects = [Self.hello, Self.top]
            for _ in 0..<600 { objects.append(WireObject.directory([objects[objects.count - 1].entry("d")])) }
            // Of what lies no less deep this is another name.
            var name = Self.hello.file("name")
            name.content = .furtherName(Array((String(repeating: "d/", count: 601) + "a").utf8))
            objects.append(WireObject.directory([objects[objects.count - 1].entry("d"), name]))
            try await peer.backUp(objects)
            await peer.close()
            let daemon = besieged.daemon
            let found = try await daemon.ferry("find", "nas:laptops", "a")
            #expect(found.status == 3 && found.errors.contains("too deep"), "\(found.errors)")
            let named = try await daemon.ferry("find", "nas:laptops", "name")
            #expect(named.text.isEmpty && named.errors.contains("directories deep"), "\(named.text) \(named.errors)")
            let diff = try await daemon.ferry("diff", "nas:laptops@latest", "nas:laptops@latest/d")
            #expect(diff.status == 3 && diff.errors.contains("too deep"), "\(diff.status) \(diff.errors)")
        }
    }

    /// Who asks and does not read makes the daemon hold no more than a part of the answer, and no walk goes on for who has left.
    @Test func whoDoesNotReadAndWhoLeaves() async throws {
        try await Self.besieged { besieged in
            let peer = try await besieged.logIn()
            let name = String(repeating: "long", count: 50)
            let many = WireObject.directory((0..<800).map { Self.hello.file("\(name)\($0 + 1000)") })
            let all = WireObject.directory((0..<200).map { many.entry("d\($0 + 100)") })
            try await peer.backUp([Self.hello, many, all])
            let none = WireObject.directory([])
            for _ in 0..<5 {
                try await peer.backUp([none])
                try await peer.backUp([Self.hello, many, all])
            }
            await peer.close()
            let before = try besieged.memory()
            try await besieged.withstand(tolerance: 24 << 20) {
                var peers: [WirePeer] = []
                for _ in 0..<4 {
                    let peer = try await besieged.logIn()
                    // It takes no more from its socket.
                    try await peer.channel.setOption(ChannelOptions.autoRead, value: false).get()
                    try await peer.send(Self.find { $0.patterns = [Data("*".utf8)] })
                    peers.append(peer)
                }
                for _ in 0..<3 { try await besieged.serve(#_sourceLocation) }
                let held = try besieged.memory() - before
                #expect(held < 160 << 20, "\(held >> 20) MiB are held")
                // Nobody has been told to the end.
                #expect(!besieged.daemon.log.text.contains(" find "))
                for peer in peers { await peer.close() }
                _ = try await besieged.daemon.log.text(matching: "(?s)(find failed.*){4}")
            }
        }
    }

    // MARK: Daemons

    private static func findings(_ findings: [WireFinding.OneOf_What]) -> Frame {
        .findings(findings.map { what in .with { $0.what = what } })
    }

    private static let searched = WireSearched.with { ($0.id, $0.first) = (Data(repeating: 1, count: 32), true) }

    private static func found(_ path: String, version: Int = 32) -> WireFinding.OneOf_What {
        .found(
            .with {
                $0.path = Data(path.utf8)
                $0.entry.kind = .file
                $0.version = Data(repeating: 2, count: version)
            }
        )
    }

    @Test func daemonsThatLie() async throws {
        let lies: [Frame] = [
            Self.findings([Self.found("a")]), Self.findings([.gone(Data("a".utf8))]),
            Self.findings([.problem(.with { _ in })]),
            Self.findings([.searched(.with { $0.first = true })]),
            Self.findings([.searched(.with { $0.id = Data(repeating: 1, count: 32) })]),
            Self.findings([.searched(Self.searched), Self.found("../a")]),
            Self.findings([.searched(Self.searched), Self.found("/a")]),
            Self.findings([.searched(Self.searched), Self.found("a\0")]),
            Self.findings([.searched(Self.searched), Self.found("a", version: 3)]),
            Self.findings([.searched(Self.searched), .gone(Data())]), .findings([WireFinding()]), .entries([]),
            .snapshotList([]), .ready(),
        ]
        for lie in lies {
            try await LyingDaemon.with { peer in
                _ = await peer.next()
                try await peer.send(lie)
                await peer.closed()
            } _: { liar in
                let find = try await liar.ferry("find", "nas:laptops", "a")
                #expect(find.status == 5 && find.output.isEmpty, "\(lie.body): \(find.status) \(find.errors)")
            }
        }
        for lie: Frame in [
            .differences([WireDifference()]), .differences([.with { ($0.path, $0.reasons) = (Data("a".utf8), 1) }]),
            .differences([.with { ($0.path, $0.new) = (Data("a/../b".utf8), WireEntry()) }]), .entries([]),
        ] {
            try await LyingDaemon.with { peer in
                _ = await peer.next()
                try await peer.send(lie)
                await peer.closed()
            } _: { liar in
                let diff = try await liar.ferry("diff", "nas:laptops@a", "nas:laptops@b")
                #expect(diff.status == 5 && diff.output.isEmpty, "\(lie.body): \(diff.status) \(diff.errors)")
            }
        }
        // What a terminal would obey is escaped, and what is told twice or never was there does no harm.
        try await LyingDaemon.with { peer in
            _ = await peer.next()
            let host = WireSearched.with {
                ($0.id, $0.first, $0.seconds) = (Data(repeating: 1, count: 32), true, .max)
                ($0.host, $0.owner) = (Data("\u{1B}[2Jhost".utf8), "\u{202E}")
            }
            try await peer.send(
                Self.findings([
                    .searched(host), Self.found("a\u{1B}b"), Self.found("a\u{1B}b"), .gone(Data("never".utf8)),
                    .searched(.with { ($0.id, $0.seconds) = (Data(repeating: 3, count: 32), .min) }),
                    .gone(Data("a\u{1B}b".utf8)), .gone(Data("a\u{1B}b".utf8)),
                ]),
                .finished()
            )
            await peer.closed()
        } _: { liar in
            for arguments in [["find"], ["find", "--json"], ["find", "--all"]] {
                let find = try await liar.start(arguments + ["nas:laptops", "a"]).outcome()
                #expect(find.status == 0 && !find.output.contains("\u{1B}"), "\(find.output) \(find.errors)")
                #expect(find.output.contains("x1Bb") && !find.output.contains("\u{202E}"), "\(find.output)")
            }
        }
    }
}
