import Foundation
import Testing

/// What lies in the directory of a test's repository.
enum RepositoryFiles {
    /// The paths of all files beneath `packs` or `snapshots`.
    static func files(of daemon: TestDaemon, _ part: String) throws -> [String] {
        let root = "\(daemon.repository)/\(part)"
        return try FileManager.default.subpathsOfDirectory(atPath: root).sorted().map { "\(root)/\($0)" }
            .filter { path in
                var isDirectory: ObjCBool = false
                return FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory) && !isDirectory.boolValue
            }
    }

    static func removeIndex(of daemon: TestDaemon) throws {
        for name in try daemon.names(in: daemon.repository) where name.hasPrefix("index.sqlite") {
            try FileManager.default.removeItem(atPath: "\(daemon.repository)/\(name)")
        }
    }
}

extension TestDaemon {
    /// Runs `body` while the daemon does not have the repository, and lets it have it again.
    func withRepositoryClosed<Value>(_ body: () throws -> Value) async throws -> Value {
        #expect(try await self.ferryd("repository", "remove", "laptops").status == 0)
        let value = try body()
        #expect(try await self.ferryd("repository", "create", "laptops", "--path", self.repository).status == 0)
        #expect(try await self.ferryd("grant", "alice", "laptops=read,write").status == 0)
        return value
    }
}
