import FerryTestKit
import Foundation
import Glibc
import Testing

/// `ferry snapshots`, and what `ferry ls` tells of what is in one.
@Suite struct SnapshotListTests {
    @Test func whereThereIsNothingToListThatIsSaid() async throws {
        try await TestDaemon.withRepository { daemon in
            let empty = try await daemon.ferry("snapshots", "nas:laptops")
            #expect(empty.status == 0 && empty.text.isEmpty && empty.errors.contains("no snapshot yet"))
            for quiet in ["--json", "--quiet"] {
                let outcome = try await daemon.ferry("snapshots", quiet, "nas:laptops")
                #expect(outcome.status == 0 && outcome.text.isEmpty && outcome.errors.isEmpty)
            }
            try daemon.put("tree/a", "1")
            try await daemon.backUp("--tag", "nightly")
            let other = try await daemon.ferry("snapshots", "nas:laptops", "--tag", "weekly")
            #expect(other.status == 0 && other.text.isEmpty && other.errors.contains("--tag"), "\(other.errors)")
            let mistyped = try await daemon.ferry("ls", "nas:laptops@2026-02-30")
            #expect(mistyped.status == 64 && mistyped.errors.contains("2026-01-31T12:00"), "\(mistyped.errors)")
            let missing = try await daemon.ferry("ls", "nas:laptops@nightly/none")
            let id = try #require(try await daemon.snapshots().first?["id"] as? String).prefix(8)
            #expect(missing.status == 6 && missing.errors.contains("not in the snapshot \(id)"), "\(missing.errors)")
            let unknown = try await daemon.ferry("snapshots", "nas:laptop")
            #expect(unknown.status == 6 && unknown.errors.contains("no repository"), "\(unknown.errors)")
        }
    }

    @Test func damagedSnapshotsAreNamed() async throws {
        try await TestDaemon.withRepository { daemon in
            try daemon.put("tree/a", "1")
            let first = try #require(try await daemon.backUp().snapshot)
            try daemon.put("tree/b", "2")
            let second = try #require(try await daemon.backUp().snapshot)
            try await daemon.withRepositoryClosed {
                let files = try RepositoryFiles.files(of: daemon, "snapshots")
                let path = try #require(files.first { $0.hasSuffix(first) })
                TreeFixture.write(path, Array("nonsense".utf8))
                try RepositoryFiles.removeIndex(of: daemon)
            }
            let list = try await daemon.ferry("snapshots", "nas:laptops")
            #expect(list.status == 3 && list.text.contains(second.prefix(8)), "\(list.text)")
            let warnings = list.errors.split(separator: "\n")
            #expect(
                warnings.count == 1 && warnings[0].contains("1 snapshot cannot be read: \(first.prefix(8))"),
                "\(list.errors)"
            )
            let events = try await daemon.ferry("snapshots", "--json", "nas:laptops").events()
            #expect(events.count == 2 && events[1]["code"] as? String == "integrity", "\(events)")
        }
    }

    @Test func listsTellOwnersAndWhatLinksSay() async throws {
        try await TestDaemon.withRepository { daemon in
            try daemon.put("tree/file", "1")
            #expect(symlink("file", daemon.here + "/tree/link") == 0)
            #expect(chmod(daemon.here + "/tree/file", 0o4755) == 0)
            try await daemon.backUp()
            #expect(try await daemon.ferry("push", "-r", "tree", "nas:inbox/tree").status == 0)
            let user = try await daemon.run("/usr/bin/id", ["-un"]).text.trimmingCharacters(in: .whitespacesAndNewlines)
            for place in ["nas:laptops@latest/\(daemon.inSnapshot)/tree", "nas:inbox/tree"] {
                let list = try await daemon.ferry("ls", "-l", place).text.split(separator: "\n")
                #expect(list.count == 2 && list.allSatisfy { $0.contains("  \(user):") }, "\(list)")
                #expect(list.last?.hasSuffix("  link -> file") == true, "\(list)")
                let isSnapshot = place.contains("@")
                #expect(list.first?.hasPrefix(isSnapshot ? "-rwsr-xr-x" : "-rwxr-xr-x") == true, "\(list)")
                let events = try await daemon.ferry("ls", "--json", place).events()
                #expect(events.map { $0["user"] as? String } == [user, user])
                #expect(events.map { $0["target"] as? String } == [nil, "file"])
                let stat = try await daemon.ferry("stat", place + "/link")
                // In a share links are followed.
                #expect(stat.text.contains("target:   file") == isSnapshot && stat.text.contains("owner:    \(user):"))
            }
        }
    }
}
