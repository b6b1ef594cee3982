import FerryTestKit
import Foundation
import Testing

/// A bit of a repository is flipped: whoever restores gets what was backed up or is told, and what is not touched comes back.
@Suite struct DamagedRepositoryTests {
    enum Part: String, CaseIterable, Sendable { case pack, footer, index, snapshot }

    /// One flipped bit.
    private struct Flip {
        let part: Part
        let path: String
        let bit: Int
        let good: Data
        /// Whether the index, which has copies of the snapshots, was removed as well.
        var isIndexGone = false

        /// With what a restore may end. What is listed twice is read from where it is whole: a footer's blocks are found
        /// without it, and the index has a copy of each snapshot.
        var allowed: [Int32] {
            switch self.part {
            case .footer: [0]
            case .snapshot: self.isIndexGone ? [6] : [0]
            case .pack: self.isInData ? [0, 3] : [0, 3, 7]
            case .index: [0, 3, 6, 7]
            }
        }

        /// Snapshots that may still not be whole after another backup: one of which there is no copy; and one whose nodes are damaged
        /// that lead to the tree, for the times of what lies beside the tests change.
        var stillTouched: ClosedRange<Int> {
            switch self.part {
            case .snapshot: self.isIndexGone ? 1...1 : 0...0
            case .pack: self.isInData ? 0...0 : 0...1
            case .footer, .index: 0...0
            }
        }

        /// Whether data are in the pack, and no nodes; Docs/format.md, "Packs".
        var isInData: Bool { self.path.contains("/packs/") && self.good[10] == 1 }

        init(_ part: Part, _ daemon: TestDaemon, _ generator: inout SeededGenerator) throws {
            let files =
                switch part {
                case .pack, .footer: try RepositoryFiles.files(of: daemon, "packs")
                case .index: [daemon.repository + "/index.sqlite"]
                case .snapshot: try RepositoryFiles.files(of: daemon, "snapshots")
                }
            self.part = part
            self.path = files[generator.below(files.count)]
            self.good = try Data(contentsOf: URL(fileURLWithPath: self.path))
            var first = 0
            if part == .footer { first = self.good.suffix(24).prefix(4).reduce(0) { $0 << 8 | Int($1) } }
            self.bit = 8 * first + generator.below(8 * (self.good.count - first))
            var bad = self.good
            bad[self.bit / 8] ^= 1 << UInt8(self.bit % 8)
            try bad.write(to: URL(fileURLWithPath: self.path))
        }
    }

    /// The tree's files, and what is in them.
    private static func makeTree(_ daemon: TestDaemon, _ generator: inout SeededGenerator) throws -> [String: Data] {
        var files: [String: Data] = [:]
        for number in 0..<12 {
            let name = ["", "a/", "a/b/", "c/"][number % 4] + "file \(number)"
            let content = generator.bytes([100, 5000, 120_000, 700_000][generator.below(4)])
            TreeFixture.write(try daemon.place("tree/" + name), content)
            files[name] = Data(content)
        }
        return files
    }

    @Test func whoeverRestoresGetsWhatWasBackedUpOrIsTold() async throws {
        var generator = SeededGenerator(seed: Soak.seed(#function))
        var told: [Part: Int] = [:]
        try await TestDaemon.withRepository { daemon in
            let files = try Self.makeTree(daemon, &generator)
            try await daemon.backUp()
            // What the next backup brought again lies in two places: so each bit is flipped in what there was at first.
            let (repository, first) = (daemon.repository, daemon.directory + "/first")
            try await daemon.withRepositoryClosed {
                try FileManager.default.copyItem(atPath: repository, toPath: first)
            }
            for round in 0..<Soak.count(2, soak: 100) {
                for part in Part.allCases {
                    let flip = try await daemon.withRepositoryClosed {
                        var flip = try Flip(part, daemon, &generator)
                        flip.isIndexGone = part != .index && generator.oneIn(2)
                        if flip.isIndexGone { try RepositoryFiles.removeIndex(of: daemon) }
                        return flip
                    }
                    let what = "\(part) \(round): bit \(flip.bit) of \(flip.path), index gone: \(flip.isIndexGone)"
                    let isTold = try await Self.restore(files, flip, daemon, what)
                    if isTold { told[part, default: 0] += 1 }
                    try await Self.verifyAndHeal(flip, daemon, what)
                    try await daemon.withRepositoryClosed {
                        try FileManager.default.removeItem(atPath: repository)
                        try FileManager.default.copyItem(atPath: first, toPath: repository)
                    }
                }
            }
        }
        print("restores that met the damage: \(told)")
    }

    /// Restores all at once, and, if that fails, file by file.
    ///
    /// - Returns: whether anything was missing.
    private static func restore(
        _ files: [String: Data],
        _ flip: Flip,
        _ daemon: TestDaemon,
        _ what: String
    ) async throws -> Bool {
        let source = "nas:laptops@latest/\(daemon.inSnapshot)/tree"
        let restore = try await daemon.ferry("restore", source, "back")
        defer { try? FileManager.default.removeItem(atPath: daemon.here + "/back") }
        #expect(flip.allowed.contains(restore.status), "\(what): \(restore.status) \(restore.errors)")
        for (name, content) in files {
            guard let read = try? daemon.read("back/" + name) else {
                // It is named, or a directory that it is in, or there is nothing to begin with.
                #expect(restore.status != 0, "\(what): \(name) is missing")
                let parents = sequence(first: name) { name in
                    name.contains("/") ? name.split(separator: "/").dropLast().joined(separator: "/") : nil
                }
                let isNamed = parents.contains { restore.errors.contains("tree/" + $0) || restore.errors.contains($0) }
                #expect(restore.status != 3 || isNamed, "\(what): \(name) is not named: \(restore.errors)")
                continue
            }
            #expect(read == content, "\(what): \(name) is wrong")
        }
        guard restore.status != 0 else {
            #expect(try TreeFixture.differences(daemon.here + "/tree", daemon.here + "/back") == "", "\(what)")
            return false
        }
        var whole = 0
        for (name, content) in files {
            let dump = try await daemon.ferry("dump", "\(source)/\(name)")
            if dump.status == 0 { whole += 1 }
            #expect(dump.status != 0 || dump.output == content, "\(what): \(name) is dumped wrong")
        }
        // A block has at most 1 MiB.
        if flip.isInData { #expect(whole > 0, "\(what): no other file can be had") }
        return true
    }

    /// What is damaged is found, and the next backup makes up for it; what the index tells wrong is mended without one.
    private static func verifyAndHeal(_ flip: Flip, _ daemon: TestDaemon, _ what: String) async throws {
        let verify = try await daemon.ferryd("verify", "laptops", "--read-data")
        if flip.part == .index {
            // It may also tell nothing wrong, or be so that verifying it fails.
            #expect([0, 1, 7].contains(verify.status), "\(what): \(verify.text)")
            if verify.status == 1 {
                let rebuilt = try await daemon.ferryd("repository", "rebuild-index", "laptops")
                #expect(rebuilt.status == 0, "\(what): \(rebuilt.errors)")
            }
        } else {
            #expect(verify.status == 7, "\(what): \(verify.text)")
            try await daemon.backUp()
        }
        try await daemon.restore(to: "healed")
        #expect(try TreeFixture.differences(daemon.here + "/tree", daemon.here + "/healed") == "", "\(what)")
        try FileManager.default.removeItem(atPath: daemon.here + "/healed")
        let after = try await daemon.ferryd("verify", "laptops", "--json")
        let touched = try #require(try after.events().first?["touchedCount"] as? Int, "\(what): \(after.errors)")
        #expect(flip.stillTouched.contains(touched), "\(what): \(after.text)")
    }
}
