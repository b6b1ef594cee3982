import FerryTestKit
import Foundation
import Testing

/// A bit of a repository is flipped: whoever restores gets what was backed up or is told, and what is not touched comes back.
@Suite struct DamagedRepositoryTests {
    enum Part: String, CaseIterable, Sendable { case pack, footer, index, snapshot }

    /// One flipped bit.
    private struct Flip {
        let path: String
        let bit: Int
        let good: Data

        /// Whether data are in the pack, and no nodes; Docs/format.md, "Packs".
        var isInData: Bool { self.path.contains("/packs/") && self.good[10] == 1 }

        init(_ part: Part, _ daemon: TestDaemon, _ generator: inout SeededGenerator) throws {
            let files =
                switch part {
                case .pack, .footer: try RepositoryFiles.files(of: daemon, "packs")
                case .index: [daemon.repository + "/index.sqlite"]
                case .snapshot: try RepositoryFiles.files(of: daemon, "snapshots")
                }
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
                        let flip = try Flip(part, daemon, &generator)
                        if part != .index, generator.oneIn(2) { try RepositoryFiles.removeIndex(of: daemon) }
                        return flip
                    }
                    let what = "\(part) \(round): bit \(flip.bit) of \(flip.path)"
                    let isTold = try await Self.restore(files, flip, daemon, what)
                    if isTold { told[part, default: 0] += 1 }
                    try await Self.verifyAndHeal(part, daemon, what)
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
        #expect([3, 6, 7].contains(restore.status), "\(what): \(restore.status) \(restore.errors)")
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

    /// What is damaged is found, and the next backup makes up for it.
    private static func verifyAndHeal(_ part: Part, _ daemon: TestDaemon, _ what: String) async throws {
        let verify = try await daemon.ferryd("verify", "laptops", "--read-data")
        // What the index tells wrong is mended; it may also tell nothing wrong.
        #expect(verify.status == 7 || part == .index && [0, 1].contains(verify.status), "\(what): \(verify.text)")
        guard part != .index else { return }
        try await daemon.backUp()
        try await daemon.restore(to: "healed")
        #expect(try TreeFixture.differences(daemon.here + "/tree", daemon.here + "/healed") == "", "\(what)")
        try FileManager.default.removeItem(atPath: daemon.here + "/healed")
    }
}
