import FerryErrors
import FerryRepository
import FerryTestKit

/// A repository in a directory of its own.
struct TestRepository {
    let directory: TemporaryDirectory
    var path: String { self.directory.path + "/repository" }

    init() throws {
        self.directory = try TemporaryDirectory()
        try Repository.create(at: self.path, averageChunk: 64 << 10)
    }

    /// Opens it for as long as `body` runs.
    func open<Value>(_ body: (Repository) throws -> Value) throws -> Value {
        let repository = try Repository(path: self.path)
        defer { repository.close() }
        return try body(repository)
    }
}

extension SeededGenerator {
    /// A tree of files, links and directories of all kinds of sizes.
    mutating func tree(depth: Int = 3, things: Int = 6, fileLength: Int = 20_000) -> TestTree {
        var named: [[UInt8]: TestTree] = [:]
        for number in 0..<(1 + self.below(things)) {
            let name = Array("thing \(number)".utf8)
            switch self.below(depth > 0 ? 6 : 5) {
            case 0: named[name] = .link(self.bytes(1 + self.below(30)))
            case 1: named[name] = .file([])
            case 2: named[name] = .file([UInt8](repeating: UInt8(number), count: self.below(fileLength)))
            case 5: named[name] = self.tree(depth: depth - 1, things: things, fileLength: fileLength)
            default: named[name] = .file(self.bytes(self.below(fileLength)))
            }
        }
        return .directory(named)
    }
}
