import Glibc

extension SystemCalls {
    /// Reads at `offset` until `buffer` is full or the file ends.
    func preadFully(
        _ descriptor: Int32,
        _ buffer: UnsafeMutableRawBufferPointer,
        at offset: Int64
    ) throws(Errno) -> Int {
        guard offset >= 0, !offset.addingReportingOverflow(Int64(buffer.count)).overflow else { throw Errno(EINVAL) }
        var done = 0
        while done < buffer.count {
            // SAFETY: done is below the count, so the rest is inside the buffer.
            let rest = unsafe UnsafeMutableRawBufferPointer(rebasing: buffer[done...])
            let count = unsafe try self.pread(descriptor, rest, at: offset + Int64(done))
            if count == 0 { break }
            done += count
        }
        return done
    }

    /// Writes all of `bytes` at `offset`.
    func pwriteFully(_ descriptor: Int32, _ bytes: UnsafeRawBufferPointer, at offset: Int64) throws(Errno) {
        guard offset >= 0, !offset.addingReportingOverflow(Int64(bytes.count)).overflow else { throw Errno(EFBIG) }
        var done = 0
        while done < bytes.count {
            // SAFETY: done is below the count, so the rest is inside the buffer.
            let rest = unsafe UnsafeRawBufferPointer(rebasing: bytes[done...])
            let count = unsafe try self.pwrite(descriptor, rest, at: offset + Int64(done))
            // Linux never answers 0 for a positive count; a loop must not depend on it.
            guard count > 0 else { throw Errno(EIO) }
            done += count
        }
    }

    /// Writes all of `first` and then of `second` at `offset`: in one call, unless the kernel takes less.
    func pwriteFully(
        _ descriptor: Int32,
        _ first: UnsafeRawBufferPointer,
        _ second: UnsafeRawBufferPointer,
        at offset: Int64
    ) throws(Errno) {
        let total = first.count + second.count
        guard offset >= 0, !offset.addingReportingOverflow(Int64(total)).overflow else { throw Errno(EFBIG) }
        let done = try self.attempt(.pwrite, descriptor, count: total) { count in
            // A test that wants fewer gets some of the first.
            guard count == total else {
                return unsafe Self.result(
                    Glibc.pwrite(descriptor, first.baseAddress, min(count, first.count), off_t(offset))
                )
            }
            var parts = unsafe [first, second].map { part in
                unsafe iovec(iov_base: UnsafeMutableRawPointer(mutating: part.baseAddress), iov_len: part.count)
            }
            return unsafe Self.result(pwritev(descriptor, &parts, Int32(parts.count), off_t(offset)))
        }
        let rest = unsafe UnsafeRawBufferPointer(rebasing: first.dropFirst(done))
        unsafe try self.pwriteFully(descriptor, rest, at: offset + Int64(first.count - rest.count))
        let later = unsafe UnsafeRawBufferPointer(rebasing: second.dropFirst(max(0, done - first.count)))
        unsafe try self.pwriteFully(descriptor, later, at: offset + Int64(total - later.count))
    }
}
