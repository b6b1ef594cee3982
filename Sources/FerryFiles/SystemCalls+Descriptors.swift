import CLinux
import Glibc

// Calls on an open descriptor. None of them reads or writes memory that its caller does not own.
extension SystemCalls {
    func info(_ descriptor: Int32) throws(Errno) -> FileInfo {
        var status = stat()
        // SAFETY: the kernel fills the struct that lives through the call.
        _ = try self.attempt(.fstat, descriptor) { _ in unsafe Self.result(fstat(descriptor, &status)) }
        return FileInfo(status)
    }

    /// Reads at most `buffer.count` bytes; 0 is the end of the file.
    func pread(_ descriptor: Int32, _ buffer: UnsafeMutableRawBufferPointer, at offset: Int64) throws(Errno) -> Int {
        // SAFETY: attempt never asks for more than the buffer's own count.
        try self.attempt(.pread, descriptor, count: buffer.count) { count in
            unsafe Self.result(Glibc.pread(descriptor, buffer.baseAddress, count, off_t(offset)))
        }
    }

    /// Writes at least one and at most `bytes.count` bytes; never called with none.
    func pwrite(_ descriptor: Int32, _ bytes: UnsafeRawBufferPointer, at offset: Int64) throws(Errno) -> Int {
        // SAFETY: attempt never asks for more than the buffer's own count.
        try self.attempt(.pwrite, descriptor, count: bytes.count) { count in
            unsafe Self.result(Glibc.pwrite(descriptor, bytes.baseAddress, count, off_t(offset)))
        }
    }

    func ftruncate(_ descriptor: Int32, to size: Int64) throws(Errno) {
        _ = try self.attempt(.ftruncate, descriptor) { _ in Self.result(Glibc.ftruncate(descriptor, off_t(size))) }
    }

    func fchmod(_ descriptor: Int32, to mode: UInt32) throws(Errno) {
        _ = try self.attempt(.fchmod, descriptor) { _ in Self.result(Glibc.fchmod(descriptor, mode_t(mode))) }
    }

    /// Sets the time of modification and leaves that of access alone.
    func futimens(_ descriptor: Int32, modified: Timestamp) throws(Errno) {
        let times = [
            timespec(tv_sec: 0, tv_nsec: ferry_utime_omit),
            timespec(tv_sec: Int(modified.seconds), tv_nsec: Int(modified.nanoseconds)),
        ]
        // SAFETY: the call reads the two elements of the array.
        _ = try self.attempt(.futimens, descriptor) { _ in unsafe Self.result(Glibc.futimens(descriptor, times)) }
    }

    func fsync(_ descriptor: Int32) throws(Errno) {
        _ = try self.attempt(.fsync, descriptor) { _ in Self.result(Glibc.fsync(descriptor)) }
    }

    /// As ``fsync(_:)``, without the times of the file; tests see it under that name.
    func fdatasync(_ descriptor: Int32) throws(Errno) {
        _ = try self.attempt(.fsync, descriptor) { _ in Self.result(Glibc.fdatasync(descriptor)) }
    }

    /// Bytes that this process may still write to the descriptor's file system.
    func availableBytes(_ descriptor: Int32) throws(Errno) -> UInt64 {
        var status = statvfs()
        // SAFETY: the kernel fills the struct that lives through the call.
        let limit = try self.attempt(.fstatvfs, descriptor, count: .max) { count in
            let result = unsafe Self.result(fstatvfs(descriptor, &status))
            return result < 0 ? result : count
        }
        // Only tests have another limit.
        if limit < .max { return UInt64(limit) }
        let (bytes, overflow) = UInt64(status.f_bavail).multipliedReportingOverflow(by: UInt64(status.f_frsize))
        return overflow ? .max : bytes
    }
}
