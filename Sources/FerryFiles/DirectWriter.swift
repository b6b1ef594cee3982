import CLinux
import Glibc

/// Collects what is written in order into aligned blocks and writes those past the page cache (O_DIRECT).
///
/// A copy into fresh page cache cost 0.3 to 1.9 s of CPU time for each GiB on the reference machine, and its writeback more,
/// which both ends of a transfer on two cores cannot spare; the disk takes blocks of 1 MiB at 0.9–1.4 GB/s without it.
/// Whatever does not fit (the first bytes up to a boundary, the last, gaps, file systems without O_DIRECT) is left to
/// the caller, who writes it the usual way.
@safe final class DirectWriter {
    /// Bytes of a block: large enough that the disk's latency does not matter.
    static let blockLength = 1 << 20
    /// Every file system of Debian 12 takes multiples of a page; one that wants more answers EINVAL and is served the
    /// usual way.
    private static let alignment: Int64 = 4096
    /// Fewer bytes are not worth a write of their own: pages between holes took 80 µs each.
    private static let least = blockLength / 4

    /// Bytes collected and not yet written, and where they belong.
    @unsafe struct Pending {
        let bytes: UnsafeRawBufferPointer
        let offset: Int64
    }

    private let descriptor: Descriptor
    private let block: UnsafeMutableRawBufferPointer
    private var start: Int64 = 0
    private var count = 0
    /// This file system wants another alignment, or none of it.
    private(set) var isRefused = false

    /// Nil where direct writing is not possible.
    ///
    /// - Parameter file: an open file.
    init?(_ file: Int32) {
        let raw = ferry_reopen_direct(file)
        guard raw >= 0 else { return nil }
        self.descriptor = Descriptor(adopting: raw)
        // SAFETY: freed in deinit; every access goes through the bounds of the buffer.
        unsafe self.block = UnsafeMutableRawBufferPointer.allocate(
            byteCount: Self.blockLength,
            alignment: Int(Self.alignment)
        )
    }

    deinit { unsafe self.block.deallocate() }

    /// Whether `count` bytes at `offset` lie before all that is collected, so that it may stay where it is.
    func isBefore(_ offset: Int64, _ count: Int) -> Bool { self.count > 0 && offset + Int64(count) <= self.start }

    /// How many of `count` bytes at `offset` lie before the place from which they can be collected: up to the next
    /// boundary if nothing is collected, none if they continue what is; nil if they do neither.
    func lead(_ offset: Int64, _ count: Int) -> Int? {
        if self.count > 0 { return offset == self.start + Int64(self.count) ? 0 : nil }
        let beyond = offset % Self.alignment
        return beyond == 0 ? 0 : min(count, Int(Self.alignment - beyond))
    }

    /// Collects `bytes`, which ``lead(_:_:)`` allowed, and writes each block that is full; what is aligned as it lies in
    /// memory is written from there, behind what is collected.
    func append(_ bytes: UnsafeRawBufferPointer, at offset: Int64, calls: SystemCalls) throws(Errno) {
        if self.count == 0 { self.start = offset }
        var rest = unsafe bytes
        while unsafe !rest.isEmpty {
            let beyond = self.count % Int(Self.alignment)
            let missing = beyond == 0 ? 0 : min(rest.count, Int(Self.alignment) - beyond)
            let whole = unsafe self.alignedLength(UnsafeRawBufferPointer(rebasing: rest.dropFirst(missing)))
            let taken = whole > 0 ? missing : min(rest.count, Self.blockLength - self.count)
            // SAFETY: taken is at most what is left of both.
            let target = unsafe UnsafeMutableRawBufferPointer(rebasing: self.block[self.count..<(self.count + taken)])
            unsafe target.copyMemory(from: UnsafeRawBufferPointer(rebasing: rest.prefix(taken)))
            self.count += taken
            unsafe rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(taken))
            guard whole > 0 || self.count == Self.blockLength else { continue }
            let collected = unsafe UnsafeRawBufferPointer(rebasing: self.block.prefix(self.count))
            let aligned = unsafe UnsafeRawBufferPointer(rebasing: rest.prefix(whole))
            unsafe try self.write(collected, aligned, at: self.start, calls)
            unsafe rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(whole))
            self.start += Int64(self.count + whole)
            self.count = 0
        }
    }

    private func write(
        _ collected: UnsafeRawBufferPointer,
        _ aligned: UnsafeRawBufferPointer,
        at offset: Int64,
        _ calls: SystemCalls
    ) throws(Errno) {
        do throws(Errno) {
            unsafe try calls.pwriteFully(self.descriptor.raw, collected, aligned, at: offset)
        } catch {
            self.isRefused = error.code == EINVAL
            throw error
        }
    }

    /// How many of `bytes` can be written from where they lie: none if they begin within a page of memory, or are so few
    /// that collecting them is cheaper than a write of their own.
    private func alignedLength(_ bytes: UnsafeRawBufferPointer) -> Int {
        let alignment = Int(Self.alignment)
        guard Int(bitPattern: bytes.baseAddress) % alignment == 0, bytes.count >= Self.least else {
            return 0
        }
        return bytes.count - bytes.count % alignment
    }

    /// Writes the whole pages of what is collected, unless that is little.
    ///
    /// - Returns: the rest, for the caller to write; afterwards nothing is collected. Nil if there is none.
    func take(calls: SystemCalls) throws(Errno) -> Pending? {
        var done = 0
        let whole = self.count < Self.least ? 0 : self.count - self.count % Int(Self.alignment)
        // What is little, and what a file system refuses, goes the usual way.
        if whole > 0, !self.isRefused {
            let pages = unsafe UnsafeRawBufferPointer(rebasing: self.block.prefix(whole))
            do throws(Errno) {
                unsafe try self.write(pages, UnsafeRawBufferPointer(start: nil, count: 0), at: self.start, calls)
                done = whole
            } catch {
                guard self.isRefused else { throw error }
            }
        }
        guard self.count > done else {
            self.count = 0
            return nil
        }
        defer { self.count = 0 }
        return unsafe Pending(
            bytes: UnsafeRawBufferPointer(rebasing: self.block[done..<self.count]),
            offset: self.start + Int64(done)
        )
    }
}
