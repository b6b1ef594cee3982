import FerryTestKit
import Foundation
import Glibc
import Testing

/// Files, links and special files with several names, out of a snapshot.
@Suite struct RestoredNamesTests {
    private static func names(_ path: String) throws -> Int {
        var info = stat()
        try #require(unsafe lstat(path, &info) == 0, "\(path)")
        return Int(info.st_nlink)
    }

    private static func fill(_ daemon: TestDaemon) throws {
        let tree = daemon.here + "/tree"
        _ = try daemon.place("tree/sub/x")
        for name in ["a", "c"] { try daemon.write(Data(name.utf8), to: "tree/\(name)") }
        try FileManager.default.createSymbolicLink(atPath: tree + "/s1", withDestinationPath: "a")
        #expect(mkfifo(tree + "/p1", 0o644) == 0)
        for (first, others) in [("a", ["b", "sub/d"]), ("s1", ["s2", "s3"]), ("p1", ["p2"])] {
            for other in others {
                #expect(linkat(AT_FDCWD, "\(tree)/\(first)", AT_FDCWD, "\(tree)/\(other)", 0) == 0)
            }
        }
    }

    @Test func namesStayTogetherWhateverIsLeftOut() async throws {
        try await TestDaemon.withRepository { daemon in
            try Self.fill(daemon)
            try await daemon.backUp()
            for (number, options) in [["--exclude", "c"], ["--max-size", "1M"], ["--exclude", "nothing"]].enumerated() {
                let back = "back\(number)"
                let source = "nas:laptops@latest/\(daemon.inSnapshot)/tree"
                let restore = try await daemon.run("ferry", ["restore", "--specials", source, back] + options)
                #expect(restore.status == 0, "\(restore.errors)")
                for (name, count) in [("a", 3), ("sub/d", 3), ("s1", 3), ("s3", 3), ("p2", 2)] {
                    #expect(try Self.names("\(daemon.here)/\(back)/\(name)") == count, "\(options) \(name)")
                }
            }
            // The first name is not there: the others are one file all the same.
            try await daemon.restore(to: "some", "--exclude", "a")
            #expect(try Self.names(daemon.here + "/some/b") == 2)
        }
    }

    @Test func specialFilesThatNobodyAskedForAreLeftOutUnderAllNames() async throws {
        try await TestDaemon.withRepository { daemon in
            try Self.fill(daemon)
            try await daemon.backUp()
            let source = "nas:laptops@latest/\(daemon.inSnapshot)/tree"
            let restore = try await daemon.ferry("restore", source, "back")
            #expect(restore.status == 0, "\(restore.errors)")
            let names = try FileManager.default.subpathsOfDirectory(atPath: daemon.here + "/back").sorted()
            #expect(names == ["a", "b", "c", "s1", "s2", "s3", "sub", "sub/d"])
        }
    }

    @Test func linksWithSeveralNamesAreCompared() async throws {
        try await TestDaemon.withRepository { daemon in
            try Self.fill(daemon)
            for name in ["p1", "p2"] { try FileManager.default.removeItem(atPath: "\(daemon.here)/tree/\(name)") }
            try await daemon.backUp()
            let source = "nas:laptops@latest/\(daemon.inSnapshot)/tree"
            let same = try await daemon.ferry("verify", source, "tree")
            #expect(same.status == 0, "\(same.status) \(same.errors)")
            try FileManager.default.removeItem(atPath: daemon.here + "/tree/s2")
            try FileManager.default.createSymbolicLink(atPath: daemon.here + "/tree/s2", withDestinationPath: "c")
            let other = try await daemon.ferry("verify", source, "tree")
            #expect(other.status == 7 && other.text.contains("s2"), "\(other.status) \(other.text)\(other.errors)")
        }
    }
}
