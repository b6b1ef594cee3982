import FerryTestKit
import Foundation
import Testing

/// Who sees what of a repository.
@Suite struct RepositoryUsersTests {
    @Test func whoMayAppendSeesOnlyTheirOwnSnapshots() async throws {
        try await TestDaemon.withRepository { daemon in
            try await daemon.add(user: "carol", grant: "append")
            try await daemon.add(user: "dave", grant: "append")
            try await daemon.add(user: "writer", grant: "write")
            try daemon.put("tree/secret", "carol's")
            #expect(try await daemon.ferry("backup", "tree", "carol:laptops", "--tag", "hers").status == 0)
            try daemon.put("tree/secret", "dave's own")
            #expect(try await daemon.ferry("backup", "tree", "dave:laptops", "--tag", "his").status == 0)
            #expect(try await daemon.ferry("backup", "tree", "writer:laptops").status == 0)

            #expect(try await daemon.snapshots().compactMap { $0["owner"] as? String } == ["carol", "dave", "writer"])
            for (user, tag) in [("carol", "hers"), ("dave", "his")] {
                let own = try await daemon.snapshots(of: user)
                #expect(own.map { $0["owner"] as? String } == [user] && own.map { $0["tags"] as? [String] } == [[tag]])
            }
            let ids = try await daemon.snapshots().compactMap { $0["id"] as? String }
            let path = "\(daemon.inSnapshot)/tree/secret"
            #expect(try await daemon.ferry("dump", "carol:laptops@latest/\(path)").text == "carol's")
            #expect(try await daemon.ferry("dump", "carol:laptops@\(ids[0])/\(path)").text == "carol's")
            #expect(try await daemon.ferry("dump", "nas:laptops@his/\(path)").text == "dave's own")
            for name in [ids[1], String(ids[1].prefix(8)), "his", ids[2]] {
                for command in [["dump"], ["ls"], ["stat"]] {
                    let outcome = try await daemon.run("ferry", command + ["carol:laptops@\(name)/\(path)"])
                    #expect(outcome.status == 6 && outcome.errors.contains("no snapshot"), "\(outcome.errors)")
                    #expect(!outcome.text.contains("dave"))
                }
            }
            // Who may only write sees nothing at all.
            for command in [["snapshots", "writer:laptops"], ["ls", "writer:laptops@latest"]] {
                #expect(try await daemon.run("ferry", command).status == 6)
            }
            let reader = try await daemon.ferryd("grant", "carol", "laptops=read")
            #expect(reader.status == 0, "\(reader.errors)")
            #expect(try await daemon.snapshots(of: "carol").count == 3)
        }
    }

    /// What is refused for want of a grant says the same words as for what does not exist.
    @Test func aRepositoryThatIsNotGrantedLooksLikeNone() async throws {
        try await TestDaemon.withRepository { daemon in
            try await daemon.add(user: "eve", grant: "")
            try daemon.put("tree/a", "1")
            try await daemon.backUp()
            for arguments in [
                ["backup", "tree", "eve:NAME"], ["snapshots", "eve:NAME"], ["ls", "eve:NAME@latest"],
                ["restore", "eve:NAME@latest/x", "x"], ["ls", "eve:NAME"],
            ] {
                var errors: [String] = []
                for name in ["laptops", "nothing"] {
                    let outcome = try await daemon.run(
                        "ferry",
                        arguments.map { $0.replacingOccurrences(of: "NAME", with: name) }
                    )
                    #expect(outcome.status == 6, "\(arguments): \(outcome.errors)")
                    errors.append(outcome.errors.replacingOccurrences(of: name, with: "NAME"))
                }
                #expect(errors[0] == errors[1], "\(arguments)")
            }
            #expect(try await daemon.ferry("ls", "eve:").text == "")
            try await daemon.add(user: "reader", grant: "read")
            let backup = try await daemon.ferry("backup", "tree", "reader:laptops")
            #expect(backup.status == 6 && backup.errors.contains("may not do that"), "\(backup.errors)")
        }
    }

    @Test func anAdministratorManagesRepositories() async throws {
        try await TestDaemon.withRepository { daemon in
            try daemon.put("tree/a", "1")
            try await daemon.backUp()
            // The same twice, and under a second name, which the lock refuses.
            let path = daemon.repository
            #expect(try await daemon.ferryd("repository", "create", "laptops", "--path", path).status == 0)
            #expect(try await daemon.ferryd("repository", "list").text.contains("laptops     \(path)"))
            #expect(try await daemon.ferryd("share", "list").text.contains("inbox"))
            #expect(!(try await daemon.ferryd("share", "list").text.contains("laptops")))
            #expect(try await daemon.ferryd("share", "remove", "laptops").status != 0)
            #expect(try await daemon.ferryd("repository", "remove", "inbox").status != 0)
            #expect(try await daemon.ferryd("repository", "create", "inbox", "--path", path + "2").status != 0)
            #expect(try await daemon.ferryd("repository", "create", "other", "--path", daemon.share).status != 0)
            #expect(try await daemon.ferryd("repository", "create", "other", "--path", path).status != 0)
            #expect(try await daemon.ferryd("share", "add", "files", path).status != 0)
            for name in ["inbox", "nothing"] { #expect(try await daemon.ferryd("verify", name).status != 0) }

            // Without an index, and removed and served again, it is what it was.
            #expect(try await daemon.ferryd("repository", "remove", "laptops").status == 0)
            #expect(try await daemon.ferry("snapshots", "nas:laptops").status == 6)
            for name in try daemon.names(in: path) where name.hasPrefix("index.sqlite") {
                try FileManager.default.removeItem(atPath: "\(path)/\(name)")
            }
            #expect(try await daemon.ferryd("repository", "create", "laptops", "--path", path).status == 0)
            #expect(try await daemon.ferry("snapshots", "nas:laptops").status == 6)
            #expect(try await daemon.ferryd("grant", "alice", "laptops=read,write").status == 0)
            #expect(try await daemon.snapshots().count == 1)
            try await daemon.restore(to: "back")
            #expect(try TreeFixture.differences(daemon.here + "/tree", daemon.here + "/back") == "")
            #expect(try await daemon.ferryd("repository", "rebuild-index", "laptops").status == 0)
            #expect(try await daemon.backUp().savedBytes > 0)
        }
    }
}
