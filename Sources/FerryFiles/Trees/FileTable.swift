package import FerryErrors
import Glibc

/// Where files of a size and a time lie, on disk, for there may be more than memory should hold: an open hash table in a file
/// without a name, beside a list of their paths.
package final class FileTable {
    /// Files that are told of for one key: beyond those it would be a search through all.
    private static let mostFound = 8

    private let directory: OpenDirectory
    private let paths: Spool
    private var slots: Slots
    /// Nobody chooses files that meet.
    private let seed = UInt64.random(in: 0...UInt64.max)
    package private(set) var count: UInt64 = 0

    /// - Parameter directory: where the files are made, unless the system's directory for temporary files takes them.
    /// - Throws: `permission`, `noSpace` and other mapped errors.
    package init(beside directory: OpenDirectory) throws(FerryError) {
        self.directory = directory
        self.paths = try Spool(beside: directory)
        self.slots = try Slots(capacity: 1 << 12, beside: directory)
    }

    /// Notes a file.
    /// - Parameters:
    ///   - path: of it.
    ///   - size: bytes.
    ///   - modified: its time of modification.
    /// - Throws: `noSpace`, `inputOutput` and other mapped errors.
    package func insert(_ path: [UInt8], size: Int64, modified: Timestamp) throws(FerryError) {
        let place = UInt64(clamping: try self.paths.append(path))
        let name = path.split(separator: UInt8(ascii: "/")).last.map(Array.init)
        for hash in [self.hash(size, modified, name), self.hash(size, modified, nil)] {
            if self.slots.taken >= self.slots.capacity / 2 {
                let larger = try Slots(capacity: self.slots.capacity * 4, beside: self.directory)
                try self.slots.all { hash, place throws(FerryError) in
                    try larger.insert(hash, place, unlessThere: Self.mostFound)
                }
                self.slots = larger
            }
            try self.slots.insert(hash, place, unlessThere: Self.mostFound)
        }
        self.count += 1
    }

    /// Files of a size and a time: some, if there are many, and perhaps one of another, for hashes may be equal.
    /// - Parameters:
    ///   - name: those that have it come first.
    ///   - size: bytes.
    ///   - modified: the time of modification.
    /// - Returns: their paths, each once.
    /// - Throws: `inputOutput` and other mapped errors.
    package func files(_ name: [UInt8], size: Int64, modified: Timestamp) throws(FerryError) -> [[UInt8]] {
        var places: [UInt64] = []
        for hash in [self.hash(size, modified, name), self.hash(size, modified, nil)] {
            for place in try self.slots.places(hash, atMost: Self.mostFound) where !places.contains(place) {
                places.append(place)
            }
        }
        var found: [[UInt8]] = []
        for place in places { if let path = try self.paths.string(at: Int64(clamping: place)) { found.append(path) } }
        return found
    }

    private func hash(_ size: Int64, _ modified: Timestamp, _ name: [UInt8]?) -> UInt64 {
        var hasher = Hasher()
        hasher.combine(self.seed)
        hasher.combine(size)
        hasher.combine(modified)
        hasher.combine(name)
        return UInt64(truncatingIfNeeded: hasher.finalize())
    }
}

/// An open hash table on disk with linear probing. A slot has two numbers of 8 bytes, little endian: the hash of a key, and a
/// place and 1; zeros where it is free.
private final class Slots {
    private static let size = 16
    /// Slots that are read at once for a key.
    private static let run = 16

    let capacity: UInt64
    private let file: Descriptor
    private let calls: SystemCalls

    init(capacity: UInt64, beside directory: OpenDirectory) throws(FerryError) {
        self.capacity = capacity
        self.calls = directory.calls
        self.file = try Spool.makeFile(beside: directory, calls: directory.calls)
    }

    private(set) var taken: UInt64 = 0

    /// The places of a hash, and the first free slot behind them: the table is never full, so that one comes.
    private func probe(_ hash: UInt64, atMost most: Int) throws(FerryError) -> (places: [UInt64], free: UInt64?) {
        var places: [UInt64] = []
        var slot = hash % self.capacity
        while true {
            let slots = try self.read(slot, Self.run)
            for (index, (other, place)) in slots.enumerated() {
                guard place > 0 else { return (places, slot + UInt64(index)) }
                if other == hash { places.append(place - 1) }
                if places.count == most { return (places, nil) }
            }
            slot = (slot + UInt64(slots.count)) % self.capacity
        }
    }

    func places(_ hash: UInt64, atMost most: Int) throws(FerryError) -> [UInt64] {
        try self.probe(hash, atMost: most).places
    }

    /// Adds a place, unless the hash has so many already.
    func insert(_ hash: UInt64, _ place: UInt64, unlessThere most: Int) throws(FerryError) {
        guard let slot = try self.probe(hash, atMost: most).free else { return }
        self.taken += 1
        let bytes = [hash, place + 1].flatMap { value in
            (0..<8).map { UInt8(truncatingIfNeeded: value >> (8 * UInt64($0))) }
        }
        let (raw, calls) = (self.file.raw, self.calls)
        do throws(Errno) {
            try unsafe bytes.span.withUnsafeBytes { bytes throws(Errno) in
                unsafe try calls.pwriteFully(raw, bytes, at: Int64(clamping: slot) * Int64(Self.size))
            }
        } catch {
            throw FerryError(error, "write", "a temporary file")
        }
    }

    func all(_ visit: (UInt64, UInt64) throws(FerryError) -> Void) throws(FerryError) {
        var slot: UInt64 = 0
        while slot < self.capacity {
            let slots = try self.read(slot, 4096)
            for (hash, place) in slots where place > 0 { try visit(hash, place - 1) }
            slot += UInt64(slots.count)
        }
    }

    /// Reads neighbours, no further than to the end of the table.
    private func read(_ slot: UInt64, _ count: Int) throws(FerryError) -> [(UInt64, UInt64)] {
        let count = Int(min(UInt64(count), self.capacity - slot))
        var bytes = [UInt8](repeating: 0, count: count * Self.size)
        let (raw, calls) = (self.file.raw, self.calls)
        var span = bytes.mutableSpan
        do throws(Errno) {
            // What lies beyond the end of the file is free.
            _ = unsafe try span.withUnsafeMutableBytes { bytes throws(Errno) in
                unsafe try calls.preadFully(raw, bytes, at: Int64(clamping: slot) * Int64(Self.size))
            }
        } catch {
            throw FerryError(error, "read", "a temporary file")
        }
        let numbers = unsafe bytes.span.withUnsafeBytes { bytes in
            // SAFETY: both places lie within the count that the array was made with.
            (0..<(2 * count)).map {
                unsafe UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: 8 * $0, as: UInt64.self))
            }
        }
        return (0..<count).map { (numbers[2 * $0], numbers[2 * $0 + 1]) }
    }
}
