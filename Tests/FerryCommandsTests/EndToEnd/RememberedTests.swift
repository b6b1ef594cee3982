import FerryFiles
import Foundation
import Glibc
import Testing

/// What a push that was killed had named is remembered until the file has arrived, and then no more.
@Suite struct RememberedTests {
    @Test func untilTheFileHasArrived() async throws {
        let source = try #require(try Self.largeOldFile())
        let content = try Data(contentsOf: URL(fileURLWithPath: source), options: .mappedIfSafe)
        try await TestDaemon.with { daemon in
            let names = daemon.directory + "/cache/names"
            let command = ["push", source, "nas:inbox/copy", "--limit-rate", "20M"]
            let client = try daemon.start("ferry", command)
            while !client.isOver, Self.size(in: daemon.share) < 4 << 20 { sched_yield() }
            client.send(SIGKILL)
            #expect(await client.status() == 128 + SIGKILL)
            #expect(try daemon.names(in: names).count == 1)
            let mode = try FileManager.default.attributesOfItem(atPath: names)[.posixPermissions] as? Int
            #expect(mode == 0o700)
            try await daemon.again(isKilled: false) {
                let again = try await daemon.run("ferry", ["push", source, "nas:inbox/copy", "--json"])
                #expect(again.status == 0, "\(again.errors)")
                let saved = try again.events().compactMap { $0["savedBytes"] as? Int }.max() ?? 0
                #expect(saved >= 4 << 20, "\(again.text)")
            }
            #expect(try Data(contentsOf: URL(fileURLWithPath: daemon.share + "/copy")) == content)
            #expect(try daemon.names(in: names).isEmpty)
        }
    }

    /// Only what has 16 MiB and did not change for a minute is remembered: such a file, of those that are mapped here. Swift's
    /// libraries are among them.
    private static func largeOldFile() throws -> String? {
        // Which the kernel gives a page at a time: what stops at a short read has the beginning only.
        let maps = String(decoding: try Directories.readFile("/proc/self/maps", limit: 16 << 20), as: UTF8.self)
        let paths = Set(maps.split(separator: "\n").compactMap { $0.firstIndex(of: "/").map($0.suffix(from:)) })
        return paths.sorted().map(String.init).first { path in
            guard let info = try? Directories.info(path), info.kind == .file else { return false }
            let age = Timestamp.now.seconds - info.changed.seconds
            return (16 << 20...128 << 20).contains(info.size) && age > 61
        }
    }

    /// What of the partial file is there.
    private static func size(in directory: String) -> Int {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? []
        guard let name = names.first(where: { $0.hasPrefix(".ferry-part.") }) else { return 0 }
        return (try? FileManager.default.attributesOfItem(atPath: "\(directory)/\(name)"))?[.size] as? Int ?? 0
    }
}
