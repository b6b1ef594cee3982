import FerryTestKit
import Foundation
import Glibc
import Testing

/// Zeros among data, stored or in holes.
@Suite struct ZerosTests {
    /// Data between zeros are cut alike wherever they lie, so that an image whose bytes all moved is mostly what it was.
    @Test func whatLiesBetweenZerosIsFoundAgain() async throws {
        try await TestDaemon.withRepository { daemon in
            let path = try daemon.place("tree/image")
            var generator = SeededGenerator(seed: 7)
            let runs = (0..<8).map { ($0 * (512 << 10))..<($0 * (512 << 10) + (300 << 10)) }
            SparseFile.make(path, size: 4 << 20, data: runs, &generator)
            try await daemon.backUp("--compress", "off")
            // All of it is moved by a hundred bytes, and no hole is left.
            let old = try Data(contentsOf: URL(fileURLWithPath: path))
            try FileManager.default.removeItem(atPath: path)
            try (TestDaemon.noise(100) + old).write(to: URL(fileURLWithPath: path))
            let moved = try await daemon.backUp("--compress", "fast")
            // The first run begins with what was put before it; zeros are next to nothing.
            #expect(moved.wireBytes < 400 << 10, "\(moved)")
            try await daemon.restore(to: "back")
            #expect(try TreeFixture.differences(daemon.here + "/tree", daemon.here + "/back") == "")
        }
    }

    /// Any mixture of data, zeros and holes comes back; no more is stored than was.
    @Test func everyMixtureComesBack() async throws {
        try await TestDaemon.withRepository { daemon in
            try withFreshSeed { generator in
                for number in 0..<Soak.count(12, soak: 400) {
                    let path = try daemon.place("tree/\(number)")
                    let file = open(path, O_WRONLY | O_CREAT | O_EXCL, 0o600)
                    try #require(file >= 0)
                    defer { close(file) }
                    var offset = 0
                    for _ in 0..<(2 + generator.below(12)) {
                        let length =
                            [1, 100, 4096, 8191, 8192, 8193, 70_000, 1 << 20][generator.below(8)] + generator.below(3)
                        switch generator.below(3) {
                        case 0: offset += length
                        case 1:
                            let zeros = [UInt8](repeating: 0, count: length)
                            try #require(pwrite(file, zeros, length, off_t(offset)) == length)
                            offset += length
                        default:
                            let noise = generator.bytes(length)
                            try #require(pwrite(file, noise, length, off_t(offset)) == length)
                            offset += length
                        }
                    }
                    try #require(ftruncate(file, off_t(offset)) == 0)
                }
            }
            try await daemon.backUp()
            try await daemon.restore(to: "back")
            #expect(try TreeFixture.differences(daemon.here + "/tree", daemon.here + "/back") == "")
            let verify = try await daemon.ferry("verify", "nas:laptops@latest/\(daemon.inSnapshot)/tree", "tree")
            #expect(verify.status == 0, "\(verify.text)\(verify.errors)")
            for name in try daemon.names(in: daemon.here + "/tree") {
                let (was, now) = (
                    try Self.allocated("\(daemon.here)/tree/\(name)"), try Self.allocated("\(daemon.here)/back/\(name)")
                )
                #expect(now <= was + 24 * 8192, "\(name): \(was) bytes became \(now)")
            }
        }
    }

    private static func allocated(_ path: String) throws -> Int {
        var info = stat()
        try #require(stat(path, &info) == 0)
        return Int(info.st_blocks) * 512
    }
}
