package import FerryErrors
import Glibc

/// The names of one directory in the order of their bytes. What does not fit some MiB lies on disk, in sorted runs, and is
/// merged while it is read.
package final class NameList {
    /// Bytes of names and their places that are kept in memory: some 700,000 names.
    package static let memoryLimit = 16 << 20

    /// Names in one piece of memory, some 10 bytes for a name beside its own.
    private struct Run {
        /// Names, each with a NUL behind it.
        private var bytes: [UInt8] = []
        private var starts: [Int] = []
        private var next = 0

        var weight: Int { self.bytes.count + self.starts.count * MemoryLayout<Int>.size }

        mutating func append(_ name: [UInt8]) {
            self.starts.append(self.bytes.count)
            self.bytes += name
            self.bytes.append(0)
        }

        /// Sorts by bytes, as memcmp(3) does, which is the order of a tree's items (Docs/protocol.md).
        mutating func sort() {
            let bytes = self.bytes
            // SAFETY: each start is the place of a name that ends with NUL, and names hold none; so comparing up to the NUL is
            // comparing the names, and the pointers do not leave the closure.
            unsafe bytes.withUnsafeBytes { all in
                guard let base = unsafe all.baseAddress?.assumingMemoryBound(to: CChar.self) else { return }
                self.starts.sort { unsafe strcmp(base + $0, base + $1) < 0 }
            }
        }

        mutating func take() -> [UInt8]? {
            guard self.next < self.starts.count else { return nil }
            let start = self.starts[self.next]
            self.next += 1
            return Array(self.bytes[start...].prefix { $0 != 0 })
        }
    }

    private var run = Run()
    private var spools: [Spool] = []
    /// The next name of each run on disk, and of the one in memory, once all are sorted.
    private var heads: [[UInt8]?] = []
    private var limit: Int
    /// Whether one of them is `.ferryignore`.
    private(set) var hasIgnoreFile = false

    init(limit: Int = NameList.memoryLimit) { self.limit = limit }

    /// Adds a name; none is taken meanwhile.
    ///
    /// - Parameters:
    ///   - name: of something in the directory.
    ///   - directory: in which a temporary file may be made.
    /// - Throws: what writing to that fails with. Where none can be made all stays in memory.
    func append(_ name: [UInt8], in directory: OpenDirectory) throws(FerryError) {
        if name == IgnoreFile.name { self.hasIgnoreFile = true }
        self.run.append(name)
        guard self.run.weight >= self.limit else { return }
        guard let spool = try? Spool(beside: directory, calls: directory.calls) else {
            self.limit = .max
            return
        }
        self.run.sort()
        while let name = self.run.take() { try spool.append(name) }
        self.spools.append(spool)
        self.run = Run()
    }

    /// Puts them in order: from here on they are taken.
    /// - Throws: what the temporary files fail with.
    func sort() throws(FerryError) {
        self.run.sort()
        guard !self.spools.isEmpty else { return }
        for spool in self.spools {
            try spool.rewind()
            self.heads.append(try spool.next())
        }
        self.heads.append(self.run.take())
    }

    /// Takes the next name; nil at the end.
    /// - Throws: what the temporary files fail with.
    package func next() throws(FerryError) -> [UInt8]? {
        guard !self.spools.isEmpty else { return self.run.take() }
        var first: (index: Int, name: [UInt8])?
        for (index, head) in self.heads.enumerated() {
            guard let head, first.map({ head.lexicographicallyPrecedes($0.name) }) ?? true else { continue }
            first = (index, head)
        }
        guard let first else { return nil }
        self.heads[first.index] =
            first.index < self.spools.count ? try self.spools[first.index].next() : self.run.take()
        return first.name
    }
}
