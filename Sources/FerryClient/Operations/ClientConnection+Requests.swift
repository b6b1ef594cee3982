import FerryErrors
import FerryProtocol
package import FerryWire
import FoundationEssentials
import Synchronization

extension ClientConnection {
    /// Asks what a path is; links are followed.
    ///
    /// - Parameter path: a file, a directory or a share.
    /// - Returns: One entry, as the daemon tells it.
    /// - Throws: `.notFound`, `.denied` and what else the daemon refuses with.
    package func stat(_ path: RemotePath) async throws -> WireEntry {
        let found = Mutex<WireEntry?>(nil)
        let request = SimpleRequest(.stat(path: path.wirePath), maximumEntries: 1) { entries throws(FerryError) in
            found.withLock { $0 = $0 ?? entries.first }
        }
        _ = try await self.perform(request)
        guard let entry = found.withLock({ $0 }) else {
            throw FerryError(.violation, "the daemon told nothing about \(path)")
        }
        return entry
    }

    /// Lists a directory, or the shares.
    ///
    /// - Parameters:
    ///   - path: a directory or a share; nil for the shares that the user may see.
    ///   - onEntries: takes each batch as it arrives, on a thread that may block.
    /// - Throws: what the daemon refuses with, and what `onEntries` throws.
    package func list(
        _ path: RemotePath?,
        onEntries: @escaping SimpleRequest.TakeEntries
    ) async throws {
        _ = try await self.perform(SimpleRequest(.list(path: path?.wirePath ?? Data()), onEntries: onEntries))
    }

    /// Removes a file, a link or an empty directory, durably.
    ///
    /// - Parameter path: what to remove.
    /// - Throws: what the daemon refuses with.
    package func remove(_ path: RemotePath) async throws {
        _ = try await self.perform(SimpleRequest(.remove(path: path.wirePath), maximumEntries: 0))
    }

    /// Makes a directory, durably.
    ///
    /// - Parameters:
    ///   - path: the directory.
    ///   - makeParents: whether missing ones above it are made as well.
    /// - Throws: what the daemon refuses with.
    package func makeDirectory(_ path: RemotePath, makeParents: Bool) async throws {
        let frame = Frame.makeDirectory(path: path.wirePath, makeParents: makeParents)
        _ = try await self.perform(SimpleRequest(frame, maximumEntries: 0))
    }
}
