/// Runs of zeros among data: where they begin and end, chunks do too, so that data are cut the same wherever they lie between zeros,
/// and whether those were stored or a hole.
package enum ZeroRuns {
    /// Bytes from which on zeros are a run. Any run that is as long has a whole page, wherever it lies.
    package static let minimum = 2 * page
    private static let page = 4096

    /// The first run.
    ///
    /// - Parameters:
    ///   - bytes: to look through; 8 of each page are looked at where there is no run.
    ///   - start: where to begin.
    /// - Returns: all of it that is in `bytes`; nil if there is none.
    package static func first(in bytes: UnsafeRawBufferPointer, from start: Int) -> Range<Int>? {
        var start = start
        var place = start
        while bytes.count - place >= Self.page {
            let end = unsafe place + Self.leading(UnsafeRawBufferPointer(rebasing: bytes[place...]))
            if end - place >= Self.page {
                let before = unsafe Self.trailing(UnsafeRawBufferPointer(rebasing: bytes[start..<place]))
                if end - place + before >= Self.minimum { return (place - before)..<end }
                start = end
            }
            // Zeros that a page begins with are not the whole of it: what is behind them is looked at from there.
            place += Self.page
        }
        return nil
    }

    /// How many zeros `bytes` begin with.
    package static func leading(_ bytes: UnsafeRawBufferPointer) -> Int {
        var place = 0
        while bytes.count - place >= 8, unsafe bytes.loadUnaligned(fromByteOffset: place, as: UInt64.self) == 0 {
            place += 8
        }
        while place < bytes.count, unsafe bytes[place] == 0 { place += 1 }
        return place
    }

    /// How many zeros `bytes` end with.
    package static func trailing(_ bytes: UnsafeRawBufferPointer) -> Int {
        var left = bytes.count
        while left >= 8, unsafe bytes.loadUnaligned(fromByteOffset: left - 8, as: UInt64.self) == 0 { left -= 8 }
        while left > 0, unsafe bytes[left - 1] == 0 { left -= 1 }
        return bytes.count - left
    }
}
