import CLinux
import Glibc

/// Files that this process may have open.
package enum OpenFiles {
    /// Has it have as many as it may: shells give 1024, with a ceiling of many more.
    package static func raise() { ferry_raise_file_limit() }

    /// How many, now (RLIMIT_NOFILE).
    package static var limit: Int {
        var limit = rlimit()
        // SAFETY: the kernel fills the struct that lives through the call.
        guard unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return 1024 }
        return Int(clamping: limit.rlim_cur)
    }
}
