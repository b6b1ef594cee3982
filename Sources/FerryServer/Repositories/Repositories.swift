import FerryCatalog
import FerryErrors
import FerryFiles
import FerryRepository
import Synchronization

/// The repositories that the daemon has opened: each at its first use, until the daemon ends or it is removed.
package final class Repositories: Sendable {
    /// Around how many bytes chunks gather in new ones.
    static let averageChunk = 128 << 10

    private let open = Mutex<[Name: Repository]>([:])

    package init() {}

    /// The repository, opened if it is not.
    ///
    /// - Throws: `.locked` if another process has it, and what else opening fails with.
    func repository(_ record: ShareRecord) throws(FerryError) -> Repository {
        try self.open.withLock { open throws(FerryError) in
            if let repository = open[record.name] { return repository }
            do throws(FerryError) {
                let repository = try Repository(path: record.path)
                open[record.name] = repository
                return repository
            } catch {
                // Its place on this machine is none of the client's business.
                throw FerryError(
                    error.code,
                    "the repository \(record.name.text) cannot be opened on the daemon's machine",
                    remedy: "tell its administrator",
                    cause: error
                )
            }
        }
    }

    /// Closes one that is no longer served.
    func close(_ name: Name) { self.open.withLock { $0.removeValue(forKey: name) }?.close() }

    /// Closes all.
    package func closeAll() {
        let all = self.open.withLock { open in
            defer { open = [:] }
            return open.values.map { $0 }
        }
        for repository in all { repository.close() }
    }
}
