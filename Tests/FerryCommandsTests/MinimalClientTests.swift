import Foundation
import Testing

/// `Docs/examples/minimal_client.py` against the real daemon over TLS: proof that `Docs/protocol.md` is enough to write
/// a client in another language.
@Suite struct MinimalClientTests {
    private static let chunk = 256 << 10

    fileprivate static let program: String = {
        var repository = URL(fileURLWithPath: #filePath)
        for _ in 0..<3 { repository.deleteLastPathComponent() }
        return repository.appendingPathComponent("Docs/examples/minimal_client.py").path
    }()

    @Test func whatItPushesItPullsBack() async throws {
        let files: [(name: String, content: Data)] = [
            ("empty", Data()),
            ("one byte", Data([0x5A])),
            ("one chunk", TestDaemon.noise(Self.chunk)),
            ("over a MiB", TestDaemon.noise(1 << 20 + 1)),
            ("zeros", Data(count: 20 << 20)),
            ("text", Data(String(repeating: "the same line again and again\n", count: 100_000).utf8)),
        ]
        let modified = Date(timeIntervalSince1970: 1_000_000_000.5)
        try await TestDaemon.with { daemon in
            for (name, content) in files {
                try daemon.write(content, to: name)
                try FileManager.default.setAttributes(
                    [.posixPermissions: 0o640, .modificationDate: modified],
                    ofItemAtPath: "\(daemon.here)/\(name)"
                )
                let pushed = try await daemon.minimal("push", name, "inbox/new/\(name)")
                #expect(pushed.status == 0, "\(name): \(pushed.errors)")
                #expect(try daemon.shared("new/\(name)") == content, "\(name)")
                let pulled = try await daemon.minimal("pull", "inbox/new/\(name)", "back")
                #expect(pulled.status == 0, "\(name): \(pulled.errors)")
                #expect(try daemon.read("back") == content, "\(name)")
                let attributes = try FileManager.default.attributesOfItem(atPath: daemon.here + "/back")
                #expect(attributes[.posixPermissions] as? Int == 0o640)
                #expect(attributes[.modificationDate] as? Date == modified)
            }
        }
    }

    /// What either client has pushed the other pulls, though they cut in different places.
    @Test func itAndFerryUnderstandEachOther() async throws {
        let content = TestDaemon.noise(3 << 20)
        try await TestDaemon.with { daemon in
            try daemon.write(content, to: "file")
            #expect(try await daemon.minimal("push", "file", "inbox/python").status == 0)
            #expect(try await daemon.ferry("pull", "nas:inbox/python", "one").status == 0)
            #expect(try await daemon.ferry("push", "file", "nas:inbox/swift").status == 0)
            #expect(try await daemon.minimal("pull", "inbox/swift", "two").status == 0)
            #expect(try daemon.read("one") == content)
            #expect(try daemon.read("two") == content)
        }
    }

    /// 96 equal chunks, of which the client names 64 before it sends any: those are wanted, the others are had.
    @Test func repeatsTravelNoMoreOnceTheyAreKnown() async throws {
        let chunk = TestDaemon.noise(Self.chunk)
        try await TestDaemon.with { daemon in
            try daemon.write(Data((0..<96).map { _ in chunk }.joined()), to: "repeats")
            #expect(try await daemon.minimal("push", "repeats", "inbox/repeats").status == 0)
            let log = try await daemon.log.text(matching: " push .*\n")
            let line = try #require(log.split(separator: "\n").first { $0.contains(" push ") })
            #expect(line.contains("bytes=\(96 * Self.chunk) ") && line.contains("wire=\(64 * Self.chunk)"), "\(line)")
        }
    }

    @Test func anotherPinIsRefusedBeforeTheSecretIsSent() async throws {
        try await TestDaemon.with { daemon in
            let link = String(decoding: try daemon.read("link").dropLast(), as: UTF8.self)
            let wrong = link.dropLast() + (link.hasSuffix("0") ? "1" : "0")
            let outcome = try await daemon.minimal("pull", "inbox/x", "x", link: String(wrong))
            #expect(outcome.status == 1)
            #expect(outcome.errors.contains("not the pinned one"))
            #expect(!daemon.log.text.contains("agent=minimal_client.py"))
        }
    }

    @Test func aRefusalIsReported() async throws {
        try await TestDaemon.with { daemon in
            let pulled = try await daemon.minimal("pull", "inbox/missing", "target")
            #expect(pulled.status == 1)
            #expect(pulled.errors.hasPrefix("not-found"))
            try daemon.write(Data([1]), to: "file")
            let pushed = try await daemon.minimal("push", "file", "other/file")
            #expect(pushed.status == 1)
            #expect(pushed.errors.hasPrefix("denied"))
            #expect(try daemon.names(in: daemon.here) == ["file", "link"])
        }
    }
}

extension TestDaemon {
    /// Runs the minimal client, the link on its standard input: by default alice's.
    fileprivate func minimal(_ arguments: String..., link: String? = nil) async throws -> Outcome {
        let input = try link.map { Data($0.utf8) } ?? self.read("link")
        return try await self.run(
            "/usr/bin/env",
            ["python3", MinimalClientTests.program, "-"] + arguments,
            input: input
        )
    }
}
