import CLinux
import Glibc

// Where files take no space. Seeking moves the descriptor's place, which nothing here uses.
extension SystemCalls {
    /// Where data begin from `offset` on; nil if nothing but a hole is left of the file.
    func dataStart(_ descriptor: Int32, from offset: Int64) throws(Errno) -> Int64? {
        do throws(Errno) { return try self.seek(descriptor, offset, ferry_seek_data) } catch  where error.code == ENXIO
        {
            return nil
        }
    }

    /// The next data from `offset` on, up to the hole behind them, which the end of a file is too; nil if there are none.
    func nextData(_ descriptor: Int32, from offset: Int64) throws(Errno) -> Range<Int64>? {
        guard let start = try self.dataStart(descriptor, from: offset) else { return nil }
        do throws(Errno) {
            // Somebody may be making holes meanwhile: a byte of data there is, or a reader would stand still.
            return start..<max(start + 1, try self.seek(descriptor, start, ferry_seek_hole))
        } catch  where error.code == ENXIO {
            return start..<(start + 1)
        }
    }

    /// The holes among the first `count` bytes; none where the file system does not tell.
    func holes(_ descriptor: Int32, upTo count: Int) -> [Range<Int>] {
        var holes: [Range<Int>] = []
        var place = 0
        do throws(Errno) {
            while place < count {
                let data = try self.nextData(descriptor, from: Int64(place)) ?? Int64(count)..<Int64(count)
                let start = Int(clamping: min(data.lowerBound, Int64(count)))
                if start > place { holes.append(place..<start) }
                place = Int(clamping: data.upperBound)
            }
        } catch {
            return []
        }
        return holes
    }

    private func seek(_ descriptor: Int32, _ offset: Int64, _ whence: Int32) throws(Errno) -> Int64 {
        // No file is as long as would leave no room behind it.
        guard offset < .max else { throw Errno(ENXIO) }
        return Int64(
            try self.attempt(.lseek, descriptor) { _ in Self.result(Glibc.lseek(descriptor, off_t(offset), whence)) }
        )
    }

    /// Makes `count` bytes at `offset` a hole; EOPNOTSUPP where the file system has none.
    func punchHole(_ descriptor: Int32, at offset: Int64, count: Int64) throws(Errno) {
        _ = try self.attempt(.fallocate, descriptor) { _ in Int(ferry_punch_hole(descriptor, offset, count)) }
    }
}
