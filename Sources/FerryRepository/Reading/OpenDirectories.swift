package import FerryChunking
package import FerryErrors
package import FerryObjects

/// Directories that one walk has open: each goes on where it was, however little of it is held meanwhile. Used by one thread at a time.
///
/// A tree may be as deep as wide, and each level has a part of a directory that was read and not told yet. Beyond the budget those that
/// were read into longest ago, which are nearest the top, are let go, and read again when it is their turn.
package final class OpenDirectories {
    /// One of them; it is open for as long as somebody has this.
    package final class Directory {
        private let all: OpenDirectories
        fileprivate var cursor: DirectoryCursor
        /// Bytes that it holds, as it was told last.
        fileprivate var memory = 0

        fileprivate init(_ cursor: DirectoryCursor, _ all: OpenDirectories) { (self.cursor, self.all) = (cursor, all) }

        /// The next entry, in the order of the names.
        ///
        /// - Returns: nil at the end.
        /// - Throws: `.integrity` if the directory is damaged, and as ``ObjectReader/read(_:)``.
        package func next() throws(FerryError) -> Entry? {
            if let entry = self.cursor.nextAtHand() { return entry }
            defer { self.all.noteRead(self) }
            return try self.cursor.next()
        }
    }

    private struct Reference {
        weak var directory: Directory?
    }

    private let reader: ObjectReader
    private let budget: Int
    /// In the order in which they were read into; those that nobody has any more are found out on the way.
    private var order: [Reference] = []

    /// - Parameters:
    ///   - reader: reads them.
    ///   - budget: bytes of read parts that are held, but for the one that was read last.
    package init(_ reader: ObjectReader, budget: Int = 4 << 20) { (self.reader, self.budget) = (reader, budget) }

    /// Bytes of the parts that are held.
    package var memory: Int { self.order.reduce(0) { $0 + ($1.directory?.memory ?? 0) } }

    /// Opens a directory.
    ///
    /// - Parameter id: of its node.
    /// - Returns: what reads its entries one after another.
    package func open(_ id: ChunkID) -> Directory { Directory(self.reader.directory(id), self) }

    fileprivate func noteRead(_ directory: Directory) {
        directory.memory = directory.cursor.memory
        self.order.removeAll { $0.directory == nil || $0.directory === directory }
        self.order.append(Reference(directory: directory))
        var excess = self.memory - self.budget
        for reference in self.order.dropLast() where excess > 0 {
            guard let oldest = reference.directory, oldest.memory > 0 else { continue }
            excess -= oldest.memory
            oldest.cursor.letGo()
            oldest.memory = 0
        }
    }
}
