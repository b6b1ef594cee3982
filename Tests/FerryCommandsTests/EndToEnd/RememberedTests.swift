import Foundation
import Glibc
import Testing

/// What a push that was killed had named is remembered until the file has arrived, and then no more.
@Suite struct RememberedTests {
    @Test func untilTheFileHasArrived() async throws {
        // A large one.
        let source = URL(fileURLWithPath: Child.built("ferryd")).resolvingSymlinksInPath()
        let content = try Data(contentsOf: source, options: .mappedIfSafe)
        try #require(content.count > 16 << 20)
        // Only what did not change for a minute is remembered; the file's age is what is waited for.
        let built = try FileManager.default.attributesOfItem(atPath: source.path)[.modificationDate] as? Date
        while let built, Date().timeIntervalSince(built) < 63 { try await Task.sleep(for: .seconds(1)) }
        try await TestDaemon.with { daemon in
            let names = daemon.directory + "/cache/names"
            let command = ["push", source.path, "nas:inbox/copy", "--limit-rate", "20M"]
            let client = try daemon.start("ferry", command)
            while !client.isOver, Self.size(in: daemon.share) < 4 << 20 { sched_yield() }
            client.send(SIGKILL)
            #expect(await client.status() == 128 + SIGKILL)
            #expect(try daemon.names(in: names).count == 1)
            let mode = try FileManager.default.attributesOfItem(atPath: names)[.posixPermissions] as? Int
            #expect(mode == 0o700)
            try await daemon.again(isKilled: false) {
                let again = try await daemon.run("ferry", ["push", source.path, "nas:inbox/copy", "--json"])
                #expect(again.status == 0, "\(again.errors)")
                let saved = try again.events().compactMap { $0["savedBytes"] as? Int }.max() ?? 0
                #expect(saved >= 4 << 20, "\(again.text)")
            }
            #expect(try Data(contentsOf: URL(fileURLWithPath: daemon.share + "/copy")) == content)
            #expect(try daemon.names(in: names).isEmpty)
        }
    }

    /// What of the partial file is there.
    private static func size(in directory: String) -> Int {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? []
        guard let name = names.first(where: { $0.hasPrefix(".ferry-part.") }) else { return 0 }
        return (try? FileManager.default.attributesOfItem(atPath: "\(directory)/\(name)"))?[.size] as? Int ?? 0
    }
}
