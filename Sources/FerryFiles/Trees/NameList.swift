import Glibc

/// The names of one directory, sorted by their bytes, in one piece of memory: some 20 bytes for a name beside its own.
package struct NameList: Sendable {
    /// Names, each with a NUL behind it.
    private var bytes: [UInt8] = []
    private var starts: [Int] = []

    init() {}

    package var count: Int { self.starts.count }

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

    /// Whether a name is in the list, which is sorted.
    package func contains(_ name: [UInt8]) -> Bool {
        var (low, high) = (0, self.starts.count)
        while low < high {
            let middle = (low + high) / 2
            if self[middle].lexicographicallyPrecedes(name) { low = middle + 1 } else { high = middle }
        }
        return low < self.starts.count && self[low] == name
    }

    /// One name, without its NUL.
    package subscript(index: Int) -> [UInt8] {
        let start = self.starts[index]
        return Array(self.bytes[start...].prefix { $0 != 0 })
    }
}
