import Foundation
import Glibc

/// Files with holes on disk, made and looked at past the code under test.
package enum SparseFile {
    private static let page = 4096
    // SEEK_DATA and SEEK_HOLE, which Glibc's module hides.
    private static let (seekData, seekHole): (Int32, Int32) = (3, 4)

    /// Makes a file of holes and noise, each of some pages; not all end with a whole one.
    ///
    /// - Parameters:
    ///   - path: replaced if it exists.
    ///   - size: bytes.
    ///   - longest: pages of one run, at most.
    ///   - generator: decides everything.
    package static func make(_ path: String, size: Int, longest: Int, _ generator: inout SeededGenerator) {
        var data: [Range<Int>] = []
        var place = 0
        var isData = generator.oneIn(2)
        while place < size {
            let end = min(size, place + (1 + generator.below(longest)) * self.page)
            if isData { data.append(place..<end) }
            (place, isData) = (end, !isData)
        }
        self.make(path, size: size, data: data, &generator)
    }

    /// Makes a file with noise in `data` and holes elsewhere.
    package static func make(_ path: String, size: Int, data: [Range<Int>], _ generator: inout SeededGenerator) {
        unlink(path)
        let file = open(path, O_WRONLY | O_CREAT | O_EXCL, 0o644)
        precondition(file >= 0 && ftruncate(file, size) == 0, "errno \(errno)")
        for range in data {
            var bytes = generator.bytes(range.count)
            // The last run may have one byte: noise, and not a zero, which is a hole as well.
            if let last = bytes.indices.last { bytes[last] |= 1 }
            precondition(pwrite(file, bytes, bytes.count, range.lowerBound) == bytes.count, "errno \(errno)")
        }
        // Which pages take space is settled only then.
        fsync(file)
        close(file)
    }

    /// How two files differ in content, or in the places where they have data; empty if they do not, and one takes about as much
    /// of the disk as the other (a file system's own notes of where data lie may take some blocks).
    package static func differences(_ here: String, _ there: String) -> String {
        let (one, other) = (self.shape(here), self.shape(there))
        guard one.size == other.size else { return "\(one.size) and \(other.size) bytes" }
        if let place = zip(one.data, other.data).first(where: { $0 != $1 }) { return "\(place)" }
        guard one.data.count == other.data.count else { return "\(one.data.count) and \(other.data.count) runs" }
        for range in one.data where self.bytes(here, range) != self.bytes(there, range) { return "\(range) differs" }
        let isAlike = abs(one.space - other.space) <= 64 << 10
        return isAlike ? "" : "\(one.space) and \(other.space) bytes of space"
    }

    private static func bytes(_ path: String, _ range: Range<Int>) -> [UInt8] {
        let file = open(path, O_RDONLY)
        defer { close(file) }
        var bytes = [UInt8](repeating: 0, count: range.count)
        precondition(pread(file, &bytes, range.count, range.lowerBound) >= 0, "errno \(errno)")
        return bytes
    }

    /// Bytes that a file takes of the disk.
    package static func space(_ path: String) -> Int { self.shape(path).space }

    private static func shape(_ path: String) -> (size: Int, space: Int, data: [Range<Int>]) {
        let file = open(path, O_RDONLY)
        defer { close(file) }
        var status = stat()
        precondition(fstat(file, &status) == 0, "errno \(errno)")
        var data: [Range<Int>] = []
        var place = 0
        while case let start = lseek(file, place, self.seekData), start >= 0 {
            place = lseek(file, start, self.seekHole)
            data.append(start..<place)
        }
        return (status.st_size, status.st_blocks * 512, data)
    }
}
