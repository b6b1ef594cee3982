import FerryTestKit
import Foundation

/// What goes wrong on disks.
struct Damage {
    let path: String

    /// The packs' files.
    func packs() throws -> [String] {
        let root = self.path + "/packs"
        return try FileManager.default.subpathsOfDirectory(atPath: root).filter { $0.count > 2 }.sorted()
            .map { root + "/" + $0 }
    }

    func snapshots() throws -> [String] {
        let root = self.path + "/snapshots"
        return try FileManager.default.contentsOfDirectory(atPath: root).sorted().map { root + "/" + $0 }
    }

    static func read(_ file: String) throws -> [UInt8] { Array(try Data(contentsOf: URL(filePath: file))) }

    static func write(_ file: String, _ bytes: [UInt8]) throws { try Data(bytes).write(to: URL(filePath: file)) }

    /// Flips a bit.
    static func flip(_ file: String, bit: Int) throws {
        var bytes = try Self.read(file)
        bytes[bit / 8] ^= 1 << UInt8(bit % 8)
        try Self.write(file, bytes)
    }

    func removeIndex() throws {
        for name in ["index.sqlite", "index.sqlite-wal", "index.sqlite-shm"] {
            try? FileManager.default.removeItem(atPath: self.path + "/" + name)
        }
    }
}
