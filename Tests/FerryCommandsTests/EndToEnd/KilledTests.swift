import FerryTestKit
import Foundation
import Glibc
import Testing

/// SIGKILL of the daemon and of the client at each stage of a push and a pull: the old file or the new one is there, whole, and
/// the same command finishes the work.
@Suite(.serialized) struct KilledTests {
    /// How far the transfer is when the killed process dies, by what the disk shows.
    enum Stage: String, CaseIterable {
        /// Nothing of the file is there.
        case beforeTheFirstByte
        /// The partial file has begun.
        case begun
        /// A third or more is there.
        case within
        /// All is there, under the hidden name, or has just got its own.
        case atTheEnd
    }

    enum Victim: String, CaseIterable { case client, daemon }

    private static let size = 24 << 20

    /// Polls the disk until the stage is reached, then kills; the disk alone tells when.
    ///
    /// - Returns: false if the client ended before.
    private static func kill(_ victim: Child, at stage: Stage, in directory: String, during client: Child) -> Bool {
        while !client.isOver {
            let names = (try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? []
            let partial = names.first { $0.hasPrefix(".ferry-part.") }
            let bytes = partial.flatMap { Self.size(of: "\(directory)/\($0)") }
            let isReached =
                switch stage {
                case .beforeTheFirstByte: bytes == nil
                case .begun: bytes != nil
                case .within: (bytes ?? 0) > Self.size / 3
                case .atTheEnd: (bytes ?? 0) >= Self.size
                }
            if isReached {
                victim.send(SIGKILL)
                return true
            }
            sched_yield()
        }
        return false
    }

    private static func size(of path: String) -> Int? {
        (try? FileManager.default.attributesOfItem(atPath: path))?[.size] as? Int
    }

    @Test(arguments: ["push", "pull"], Victim.allCases)
    func theOldFileOrTheNewOneIsThereWhole(_ direction: String, _ victim: Victim) async throws {
        let (old, new) = (TestDaemon.noise(Self.size / 2, seed: 5), TestDaemon.noise(Self.size, seed: 6))
        var hits: [Stage: Int] = [:]
        for stage in Stage.allCases {
            let wanted = Soak.count(1, soak: 50)
            // Some kills come too late; that many tries must give so many hits.
            for _ in 0..<4 * wanted where hits[stage, default: 0] < wanted {
                try await TestDaemon.with { daemon in
                    let target = direction == "push" ? daemon.share : daemon.here
                    let source = direction == "push" ? daemon.here : daemon.share
                    try new.write(to: URL(fileURLWithPath: source + "/file"))
                    try old.write(to: URL(fileURLWithPath: target + "/copy"))
                    let command =
                        direction == "push" ? ["push", "file", "nas:inbox/copy"] : ["pull", "nas:inbox/file", "copy"]
                    let client = try daemon.start("ferry", command)
                    let process = victim == .client ? client : daemon.child
                    if Self.kill(process, at: stage, in: target, during: client) { hits[stage, default: 0] += 1 }
                    let isDone = await client.status() == 0
                    let there = try Data(contentsOf: URL(fileURLWithPath: target + "/copy"))
                    #expect(there == new || there == old && !isDone, "\(stage)")
                    try await daemon.again(isKilled: victim == .daemon) {
                        let again = try await daemon.run("ferry", command)
                        #expect(again.status == 0, "\(stage): \(again.errors)")
                    }
                    #expect(try Data(contentsOf: URL(fileURLWithPath: target + "/copy")) == new, "\(stage)")
                    #expect(try !daemon.names(in: target).contains { $0.hasPrefix(".ferry-part.") }, "\(stage)")
                }
            }
        }
        let counts = Stage.allCases.map { "\($0): \(hits[$0, default: 0])" }.joined(separator: ", ")
        print("the \(victim) killed in a \(direction), \(counts)")
        for stage in Stage.allCases { #expect(hits[stage, default: 0] > 0, "\(stage) was never hit") }
    }
}
