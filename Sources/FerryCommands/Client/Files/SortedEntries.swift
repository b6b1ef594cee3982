package import FerryErrors
package import FerryWire

/// Puts a listing in order of its names, as long as it fits: a larger one comes as it arrives, in constant memory.
package struct SortedEntries {
    /// Bytes of names and of what links say that are kept for sorting.
    private static let byteLimit = 64 << 20

    private let limit: Int
    private var bytes = 0
    private var entries: [WireEntry] = []
    private var isStreaming = false

    /// - Parameter limit: entries to keep for sorting.
    package init(limit: Int = 100_000) { self.limit = limit }

    /// Takes a batch.
    ///
    /// - Parameters:
    ///   - batch: as it arrived.
    ///   - write: prints an entry.
    /// - Throws: what `write` throws.
    package mutating func add(
        _ batch: [WireEntry],
        write: (WireEntry) throws(FerryError) -> Void
    ) throws(FerryError) {
        if !self.isStreaming {
            self.entries += batch
            self.bytes += batch.reduce(0) {
                $0 + $1.name.count + $1.target.count + $1.user.name.count + $1.group.name.count
            }
            if self.entries.count > self.limit || self.bytes > Self.byteLimit {
                self.isStreaming = true
                try self.flush(write)
            }
            return
        }
        for entry in batch { try write(entry) }
    }

    /// The listing is complete.
    ///
    /// - Parameter write: prints an entry.
    /// - Throws: what `write` throws.
    package mutating func finish(write: (WireEntry) throws(FerryError) -> Void) throws(FerryError) {
        try self.flush(write)
    }

    private mutating func flush(_ write: (WireEntry) throws(FerryError) -> Void) throws(FerryError) {
        let sorted = self.entries.sorted { $0.name.lexicographicallyPrecedes($1.name) }
        self.entries = []
        for entry in sorted { try write(entry) }
    }
}
