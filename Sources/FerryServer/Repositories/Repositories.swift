import FerryCatalog
import FerryErrors
import FerryFiles
import FerryRepository
package import Logging
import Synchronization

/// The repositories that the daemon has opened: each at its first use, until the daemon ends or it is removed.
package final class Repositories: Sendable {
    /// Around how many bytes chunks gather in new ones.
    static let averageChunk = 128 << 10

    /// A repository that is opened by who comes first; others wait for that, and for no other one.
    private final class Slot: Sendable {
        let state = Mutex<(repository: Repository?, isClosed: Bool)>((nil, false))
    }

    private let slots = Mutex<[Name: Slot]>([:])
    private let log: Logger?

    /// - Parameter log: gets what is found out about one that is opened; nil where there is no daemon.
    package init(log: Logger? = nil) { self.log = log }

    /// The repository, opened if it is not.
    ///
    /// - Throws: `.locked` if another process has it, and what else opening fails with.
    func repository(_ record: ShareRecord) throws(FerryError) -> Repository {
        let slot = self.slots.withLock { slots in
            let slot = slots[record.name] ?? Slot()
            slots[record.name] = slot
            return slot
        }
        return try slot.state.withLock { state throws(FerryError) in
            if let repository = state.repository { return repository }
            guard !state.isClosed else {
                throw FerryError(.notFound, "the repository \(record.name.text) is not served any more")
            }
            do throws(FerryError) {
                let repository = try Repository(path: record.path)
                state.repository = repository
                self.tell(record, of: repository)
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

    /// Snapshots of which nothing can be read: not even whose they were is known.
    private func tell(_ record: ShareRecord, of repository: Repository) {
        let count = repository.damagedSnapshots.count
        guard count > 0 else { return }
        self.log?.warning(
            "snapshots cannot be read",
            metadata: ["repository": "\(record.name.text)", "snapshots": "\(count)"]
        )
    }

    /// Closes one that is no longer served.
    func close(_ name: Name) { self.slots.withLock { $0.removeValue(forKey: name) }.map { Self.close($0) } }

    /// Closes all.
    package func closeAll() {
        let all = self.slots.withLock { slots in
            defer { slots = [:] }
            return slots.values.map { $0 }
        }
        for slot in all { Self.close(slot) }
    }

    private static func close(_ slot: Slot) {
        slot.state.withLock { state in
            state.repository?.close()
            state = (nil, true)
        }
    }
}
