import FerryTestKit
import Foundation
import Glibc
import Synchronization
import Testing

/// Trees that change while they are backed up.
@Suite struct ChangingTreeTests {
    /// Changes something all the time, until it is told to stop.
    private final class Changer: Sendable {
        private let isStopped = Atomic(false)
        private let changes = Atomic(0)
        private let ends: AsyncStream<Void>

        /// - Parameter change: one change, by its number.
        init(_ change: @escaping @Sendable (Int) -> Void) {
            let (ends, end) = AsyncStream.makeStream(of: Void.self)
            self.ends = ends
            Thread.detachNewThread {
                while !self.isStopped.load(ordering: .relaxed) {
                    change(self.changes.load(ordering: .relaxed))
                    self.changes.add(1, ordering: .relaxed)
                }
                end.finish()
            }
        }

        var count: Int { self.changes.load(ordering: .relaxed) }

        func stop() async {
            self.isStopped.store(true, ordering: .relaxed)
            for await _ in self.ends {}
        }
    }

    /// Files are replaced, rewritten, made and removed, directories made, removed and renamed, one becomes the other.
    private static func change(_ tree: String, _ number: Int) {
        var generator = SeededGenerator(seed: UInt64(number))
        let name = "\(tree)/\(["file", "thing", "other"][generator.below(3)]) \(generator.below(8))"
        switch generator.below(8) {
        case 0, 1:
            // A new version, whole at any time, by a name of the same length.
            let version = [UInt8](repeating: UInt8(generator.below(256)), count: generator.below(200_000))
            TreeFixture.write("\(tree)/../new", version)
            rename("\(tree)/../new", "\(tree)/whole \(generator.below(8))")
        case 2:
            let file = open(name, O_WRONLY | O_CREAT | O_CLOEXEC, 0o644)
            guard file >= 0 else { return }
            let bytes = generator.bytes(1 + generator.below(50_000))
            _ = pwrite(file, bytes, bytes.count, generator.below(100_000))
            if generator.oneIn(4) { _ = ftruncate(file, off_t(generator.below(100_000))) }
            close(file)
        case 3: unlink(name)
        case 4: mkdir(name, 0o755)
        case 5: rmdir(name)
        case 6: rename(name, "\(tree)/thing \(generator.below(8))")
        default: symlink("file 1", name)
        }
    }

    @Test func whatComesAndGoesIsWholeNamedOrLeftOut() async throws {
        try await TestDaemon.withRepository { daemon in
            for number in 0..<50 { try daemon.put("tree/stable/\(number)", "\(number)") }
            let changing = try daemon.place("tree/changing/-")
            let tree = (changing as NSString).deletingLastPathComponent
            let base = Int.random(in: 0..<1 << 40)
            print("ChangingTreeTests: changes from \(base) on")
            let changer = Changer { Self.change(tree, base + $0) }
            for round in 0..<Soak.count(6, soak: 500) {
                let before = changer.count
                let backup = try await daemon.ferry("backup", "--json", "tree", "nas:laptops")
                #expect(changer.count > before)
                // What changed each time, and what became something else, is named; nothing else is.
                #expect([0, 3].contains(backup.status), "round \(round): \(backup.status) \(backup.errors)")
                #expect(
                    (backup.status == 3) == (try BackupEvent(backup).failed > 0),
                    "round \(round): \(backup.errors)"
                )
                #expect(!backup.errors.contains("/stable"), "round \(round): \(backup.errors)")
                try await Self.check(round, backup.errors, daemon)
            }
            await changer.stop()
            try await daemon.backUp()
            try await daemon.restore(to: "back")
            #expect(try TreeFixture.differences(daemon.here + "/tree", daemon.here + "/back") == "")
            let verify = try await daemon.ferryd("verify", "laptops", "--read-data")
            #expect(verify.status == 0, "\(verify.text)\(verify.errors)")
        }
    }

    private static func check(_ round: Int, _ errors: String, _ daemon: TestDaemon) async throws {
        try await daemon.restore(to: "then")
        let then = daemon.here + "/then"
        #expect(try TreeFixture.differences(daemon.here + "/tree/stable", then + "/stable") == "", "round \(round)")
        for name in try daemon.names(in: then + "/changing") where name.hasPrefix("whole ") {
            let content = try daemon.read("then/changing/" + name)
            let isWhole = content.allSatisfy { $0 == content.first }
            #expect(isWhole || errors.contains("changing/" + name), "round \(round): \(name) is a mixture")
        }
        try FileManager.default.removeItem(atPath: then)
    }

    /// A file that changes each time it is read is kept as it was read last, and named; so is the exit code another.
    @Test func whatNeverHoldsStillIsNamed() async throws {
        try await TestDaemon.withRepository { daemon in
            try daemon.put("tree/stable", "1")
            let path = try daemon.place("tree/restless")
            try daemon.write(TestDaemon.noise(24 << 20), to: "tree/restless")
            let file = open(path, O_WRONLY | O_CLOEXEC)
            try #require(file >= 0)
            defer { close(file) }
            let changer = Changer { number in
                var number = number
                _ = withUnsafeBytes(of: &number) { pwrite(file, $0.baseAddress, $0.count, 0) }
            }
            let backup = try await daemon.ferry("backup", "--json", "tree", "nas:laptops")
            await changer.stop()
            #expect(backup.status == 3 && backup.errors.contains("tree/restless changed"), "\(backup.errors)")
            let event = try BackupEvent(backup)
            #expect(event.snapshot != nil && event.failed == 1 && event.files == 2, "\(event)")
            let place = "nas:laptops@latest/\(daemon.inSnapshot)/tree"
            #expect(try await daemon.ferry("dump", place + "/stable").text == "1")
            // All but the beginning is what it was.
            let kept = try await daemon.ferry("dump", place + "/restless")
            let now = try daemon.read("tree/restless")
            #expect(kept.status == 0 && kept.output.dropFirst(8) == now.dropFirst(8))
            try await daemon.backUp()
            #expect(try await daemon.ferry("dump", place + "/restless").output == now)
        }
    }
}
