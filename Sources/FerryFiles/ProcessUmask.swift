import Glibc

/// The process's umask, read without setting it, which would race with other threads.
package enum ProcessUmask {
    /// As it was when first asked for. Where /proc does not tell, 0077: too narrow rather than too wide.
    package static let current: UInt32 = {
        guard let status = try? Directories.readFile("/proc/self/status", limit: 64 * 1024) else { return 0o077 }
        return ProcessUmask.parse(String(decoding: status, as: UTF8.self)) ?? 0o077
    }()

    /// Finds the line "Umask:<tab>0022" (octal).
    static func parse(_ status: String) -> UInt32? {
        for line in status.split(separator: "\n") where line.hasPrefix("Umask:") {
            return UInt32(line.dropFirst(6).drop { $0 == "\t" || $0 == " " }, radix: 8)
        }
        return nil
    }
}
