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
        // Advice only: failure changes nothing but speed.
        _ = posix_fadvise(descriptor, off_t(offset), off_t(count + self.ahead), POSIX_FADV_WILLNEED)
    }
}
