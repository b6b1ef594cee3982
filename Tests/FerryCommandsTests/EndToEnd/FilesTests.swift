import Foundation
import Testing

@Suite struct FilesTests {
    @Test func directoriesAreListed() async throws {
        try await TestDaemon.with { daemon in
            try FileManager.default.createDirectory(atPath: daemon.share + "/dir", withIntermediateDirectories: true)
            for (name, size) in [("b", 12), ("a\u{1B}[2J", 3)] {
                try Data(count: size).write(to: URL(fileURLWithPath: "\(daemon.share)/\(name)"))
                try FileManager.default.setAttributes(
                    [.posixPermissions: 0o604, .modificationDate: Date(timeIntervalSince1970: 86_400)],
                    ofItemAtPath: "\(daemon.share)/\(name)"
                )
            }
            #expect(try await daemon.ferry("ls", "nas:").text == "inbox/\n")
            #expect(try await daemon.ferry("ls", "nas:inbox").text == "a\\x1B[2J\nb\ndir/\n")
            #expect(try await daemon.ferry("ls", "nas:inbox/b").text == "b\n")
            let long = try await daemon.ferry("ls", "-l", "nas:inbox/").text.split(separator: "\n")
            try #require(long.count == 3)
            #expect(long[1].hasPrefix("-rw----r--  ") && long[1].hasSuffix("            12  1970-01-02T00:00:00Z  b"))
            let events = try await daemon.ferry("ls", "--json", "nas:inbox").events()
            #expect(events.map { $0["name"] as? String } == ["a\\x1B[2J", "b", "dir"])
            #expect(events.map { $0["kind"] as? String } == ["file", "file", "directory"])
            try #require(events.count == 3)
            #expect(events[1]["size"] as? Int == 12)
            #expect(events[1]["mode"] as? String == "0604")
            let missing = try await daemon.ferry("ls", "--json", "nas:inbox/none")
            #expect(missing.status == 6)
            #expect(try missing.events().map { $0["code"] as? String } == ["not-found"])
            #expect(!missing.errors.isEmpty)
            let full = try await daemon.shell("ferry ls nas:inbox > /dev/full")
            #expect(full.status == 1)
        }
    }

    @Test func manyEntriesComeInOrder() async throws {
        try await TestDaemon.with { daemon in
            let names = (0..<2500).map { "file-\(10_000 + $0)" }
            for name in names.shuffled() {
                #expect(FileManager.default.createFile(atPath: "\(daemon.share)/\(name)", contents: nil))
            }
            let listed = try await daemon.ferry("ls", "nas:inbox").text.split(separator: "\n").map(String.init)
            #expect(listed.count == names.count)
            // Not compared in the expectation, which would print both.
            let isInOrder = listed == names
            #expect(isInOrder)
        }
    }

    @Test func directoriesAreMadeAndThingsRemoved() async throws {
        try await TestDaemon.with { daemon in
            #expect(try await daemon.ferry("mkdir", "nas:inbox/a/b").status == 6)
            #expect(try await daemon.ferry("mkdir", "-p", "nas:inbox/a/b", "nas:inbox/a").status == 0)
            try Data("x".utf8).write(to: URL(fileURLWithPath: daemon.share + "/a/x"))
            let full = try await daemon.ferry("rm", "nas:inbox/a")
            #expect(full.status == 6)
            #expect(full.errors.contains("not empty"))
            let partial = try await daemon.ferry("rm", "nas:inbox/a/x", "nas:inbox/none", "nas:inbox/a/b")
            #expect(partial.status == 3)
            #expect(partial.errors.contains("nas:inbox/none"))
            let json = try await daemon.ferry("rm", "--json", "nas:inbox/a", "nas:inbox/none")
            #expect(json.status == 3)
            #expect(try json.events().map { $0["event"] as? String } == ["removed", "error"])
            #expect(try json.events().last?["path"] as? String == "nas:inbox/none")
            #expect(try daemon.names(in: daemon.share).isEmpty)
            #expect(try await daemon.ferry("rm", "nas:inbox").status != 0)
        }
    }

    @Test func statTellsWhatIsKnown() async throws {
        try await TestDaemon.with { daemon in
            try Data(count: 1234).write(to: URL(fileURLWithPath: daemon.share + "/x"))
            let stat = try await daemon.ferry("stat", "nas:inbox/x", "nas:inbox")
            #expect(stat.status == 0)
            #expect(stat.text.contains("path:     nas:inbox/x\nkind:     file\nsize:     1234 (1.2 kB)\n"))
            #expect(stat.text.contains("path:     nas:inbox\nkind:     directory\n"))
            let events = try await daemon.ferry("stat", "--json", "nas:inbox/x").events()
            #expect(events.first?["path"] as? String == "nas:inbox/x")
            #expect(events.first?["size"] as? Int == 1234)
        }
    }
}
