import FerryTestKit
import Foundation
import Glibc
import Testing

/// `ferry diff` with the built programs, over TLS.
@Suite struct DiffTests {
    private static func lines(_ outcome: TestDaemon.Outcome) -> [String] {
        outcome.text.split(separator: "\n").map(String.init)
    }

    /// The time of what stays the same would be another one.
    private static func put(_ daemon: TestDaemon, _ name: String, _ content: String, mode: mode_t = 0o644) throws {
        try daemon.put("tree/" + name, content)
        #expect(chmod("\(daemon.here)/tree/\(name)", mode) == 0)
    }

    private static func makeChanges(_ daemon: TestDaemon) async throws {
        for name in ["changed", "gone", "mode", "same", "type", "away/x", "away/y"] { try self.put(daemon, name, name) }
        #expect(link(daemon.here + "/tree/changed", daemon.here + "/tree/hard") == 0)
        try FileManager.default.createSymbolicLink(atPath: daemon.here + "/tree/link", withDestinationPath: "same")
        try await daemon.backUp("--tag", "old")
        let manager = FileManager.default
        for name in ["gone", "type", "away", "link"] { try manager.removeItem(atPath: daemon.here + "/tree/" + name) }
        // In place, so that it stays one file with two names.
        let handle = try #require(FileHandle(forWritingAtPath: daemon.here + "/tree/changed"))
        try handle.write(contentsOf: Data("now it is longer".utf8))
        try handle.close()
        #expect(chmod(daemon.here + "/tree/mode", 0o600) == 0)
        try manager.createSymbolicLink(atPath: daemon.here + "/tree/link", withDestinationPath: "changed")
        for name in ["new/one", "new/two", "type/inside"] { try self.put(daemon, name, name) }
        try await daemon.backUp("--tag", "new")
    }

    @Test func whatDiffersIsPrinted() async throws {
        try await TestDaemon.withRepository { daemon in
            try await Self.makeChanges(daemon)
            let tree = daemon.inSnapshot + "/tree"
            let (old, new) = ("nas:laptops@old/\(tree)", "nas:laptops@new/\(tree)")
            let diff = try await daemon.ferry("diff", old, new)
            #expect(diff.status == 0, "\(diff.errors)")
            #expect(
                Self.lines(diff) == [
                    "- away/", "- away/x", "- away/y", "M changed", "- gone", "M hard", "M link (same -> changed)",
                    "m mode (mode)",
                    "+ new/",
                    "+ new/one", "+ new/two", "T type/ (file -> directory)", "+ type/inside",
                ]
            )
            #expect(
                diff.errors.contains(
                    "3 files added (25 B), 4 files removed (20 B), 2 files changed (14 B before, 32 B now)"
                ),
                "\(diff.errors)"
            )
            let long = try await daemon.ferry("diff", "--long", "--content-only", "--collapse", old, new)
            #expect(
                Self.lines(long) == [
                    "- away/ (2 files, 12 B)", "M changed (7 -> 16 bytes)", "- gone (4 bytes)",
                    "M hard (7 -> 16 bytes)",
                    "M link (same -> changed)", "+ new/ (2 files, 14 B)", "T type/ (file -> directory, 1 file, 11 B)",
                ]
            )
            // Whole snapshots, and the other way round.
            let back = try await daemon.ferry("diff", "nas:laptops@new", "nas:laptops@old")
            #expect(Self.lines(back).contains("+ \(tree)/away/x") && Self.lines(back).contains("- \(tree)/new/one"))

            let events = try await daemon.ferry("diff", "--json", old, new).events()
            let kinds = events.filter { $0["event"] as? String == "difference" }.compactMap { $0["kind"] as? String }
            #expect(kinds.count(where: { $0 == "added" }) == 4 && kinds.count(where: { $0 == "metadata" }) == 1)
            let total = try #require(events.last)
            #expect(total["event"] as? String == "differences" && total["metadata"] as? Int == 1)
            #expect((total["added"] as? [String: Int])?["files"] == 3)
            let told = try #require(events.first { ($0["path"] as? String) == "link" })
            let sides = ["old", "new"].map { told[$0] as? [String: Any] }
            #expect(sides.map { $0?["target"] as? String } == ["same", "changed"])
            #expect(sides.map { $0?["uid"] as? UInt32 } == [geteuid(), geteuid()])
        }
    }

    @Test func exitCodesAndRefusals() async throws {
        try await TestDaemon.withRepository { daemon in
            try await Self.makeChanges(daemon)
            let tree = daemon.inSnapshot + "/tree"
            let (old, new) = ("nas:laptops@old/\(tree)", "nas:laptops@new/\(tree)")
            let same = try await daemon.ferry("diff", "--exit-code", "\(old)/same", "\(new)/same")
            #expect(same.status == 0 && same.text.isEmpty && same.errors.contains("nothing differs"), "\(same.errors)")
            #expect(try await daemon.ferry("diff", "--exit-code", old, old).status == 0)
            #expect(try await daemon.ferry("diff", "--exit-code", old, new).status == 7)
            #expect(try await daemon.ferry("diff", "--quiet", old, new).errors.isEmpty)
            // Files, also of other names.
            let file = try await daemon.ferry("diff", "--exit-code", "\(old)/changed", "\(new)/changed")
            #expect(file.status == 7 && file.text == "M .\n", "\(file.text)")
            let other = try await daemon.ferry("diff", "\(old)/type", "\(new)/type")
            #expect(Self.lines(other) == ["T ./ (file -> directory)", "+ inside"])
            #expect(try await daemon.ferry("diff", "-c", "--exit-code", "\(old)/mode", "\(new)/mode").status == 0)
            for arguments in [[old], [old, "tree"], [old, "nas:laptops"], [old, "nas:other@latest"]] {
                #expect(try await daemon.run("ferry", ["diff"] + arguments).status == 64, "\(arguments)")
            }
            for place in ["nas:laptops@none", "\(new)/none", "\(new)/same/none"] {
                let outcome = try await daemon.ferry("diff", old, place)
                #expect(outcome.status == 6, "\(place): \(outcome.errors)")
            }
            // Another's snapshots are none.
            try await daemon.add(user: "carol", grant: "append")
            let denied = try await daemon.ferry("diff", "carol:laptops@old", "carol:laptops@new")
            #expect(denied.status == 6 && denied.text.isEmpty, "\(denied.errors)")
        }
    }
}
