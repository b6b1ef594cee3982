import FerryCatalog
import FerryErrors
package import FerryFiles
import Synchronization

/// Opens the shares' directories, and keeps their file systems from being filled.
///
/// Nothing is held between requests: a share's file system can be unmounted when nobody uses it, and whatever lies at its path
/// next is served.
package final class ShareRoots: Sendable {
    private let reserve: Atomic<UInt64>
    /// Bytes that all pushes together wrote to a share since its free space was last looked at.
    private let unchecked = Mutex<[Name: UInt64]>([:])
    /// Bytes written to a share between two looks: what pushes may take of the reserve before they end.
    private static let checkEvery: UInt64 = 8 << 20
    private let calls: SystemCalls

    /// - Parameters:
    ///   - reserve: bytes that pushes leave free in every share's file system.
    ///   - calls: for tests.
    package init(reserve: UInt64, calls: SystemCalls = .real) {
        self.reserve = Atomic(reserve)
        self.calls = calls
    }

    /// Changes what pushes leave free from now on, in bytes.
    func setReserve(_ reserve: UInt64) { self.reserve.store(reserve, ordering: .relaxed) }

    /// The directory of a share, to be held as long as a request works beneath it.
    ///
    /// - Throws: what opening it fails with.
    func root(of share: ShareRecord) throws(FerryError) -> RootDirectory {
        do throws(FerryError) { return try RootDirectory(path: share.path, calls: self.calls) } catch {
            // The share's place on this machine is none of the client's business.
            throw FerryError(
                error.code,
                "the share \(share.name.text) cannot be opened on the daemon's machine",
                remedy: "tell its administrator",
                cause: error
            )
        }
    }

    /// Checks that `bytes` more fit and leave the reserve.
    ///
    /// - Throws: `.noSpace`.
    func checkSpace(_ location: ShareLocation, for bytes: UInt64) throws(FerryError) {
        let available = try location.root.availableBytes()
        let reserve = self.reserve.load(ordering: .relaxed)
        let (needed, overflow) = bytes.addingReportingOverflow(reserve)
        guard !overflow, available >= needed else {
            throw FerryError(
                .noSpace,
                "the share \(location.share.name.text) "
                    + (bytes == 0 ? "is full" : "has no room for \(bytes) bytes")
                    + ": \(available) are free, and \(reserve) are kept in reserve",
                remedy: "free space on the daemon's machine"
            )
        }
    }

    /// Notes that a push writes `bytes`, and checks every 8 MiB, over all pushes, that the reserve is left.
    ///
    /// - Throws: `.noSpace`.
    func willWrite(_ bytes: Int, to location: ShareLocation) throws(FerryError) {
        let isDue = self.unchecked.withLock { unchecked in
            let sum = unchecked[location.share.name, default: 0] + UInt64(bytes)
            unchecked[location.share.name] = sum >= Self.checkEvery ? 0 : sum
            return sum >= Self.checkEvery
        }
        if isDue { try self.checkSpace(location, for: UInt64(bytes)) }
    }
}
