import Glibc

/// Has the kernel read on while the bytes at hand are worked on.
///
/// Its own readahead keeps to the device's setting, of which 128 KiB is the default: measured on a virtio disk, reading 1 MiB
/// after another from a file that is not cached went from 0.4 to 1.4 GB/s.
enum Readahead {
    /// Reads shorter than this are not part of a run through a file, in bytes.
    private static let least = 256 << 10
    private static let ahead = 4 << 20

    /// - Parameters:
    ///   - descriptor: of the file.
    ///   - offset: of the read that is about to be made, in bytes.
    ///   - count: its bytes.
    static func advise(_ descriptor: Int32, _ offset: Int64, _ count: Int) {
        guard count >= self.least, offset >= 0, offset < Int64.max - Int64(count + self.ahead) else { return }
        // Of a run, what lies between has been asked for by the reads before. Advice only: failure changes nothing but speed.
        let start = offset == 0 ? 0 : offset + Int64(self.ahead)
        _ = posix_fadvise(descriptor, off_t(start), off_t(count + (offset == 0 ? self.ahead : 0)), POSIX_FADV_WILLNEED)
    }
}
