import NIOCore

/// Which segments are in memory because a chunk of them may still be sent.
struct HeldSegments {
    /// How many chunks hold each, from ``first`` on; the first and the last hold one at least.
    private var counts = CircularBuffer<Int>()
    private var first = 0

    /// The number of the oldest one; nil if there is none.
    var oldest: Int? { self.counts.isEmpty ? nil : self.first }

    /// Notes a further chunk of the segment of this number; numbers never decrease.
    mutating func hold(_ number: Int) {
        if self.counts.isEmpty { self.first = number }
        while self.first + self.counts.count <= number { self.counts.append(0) }
        self.counts[offset: number - self.first] += 1
    }

    /// Notes that a chunk that was held is no more.
    mutating func letGo(_ number: Int) {
        self.counts[offset: number - self.first] -= 1
        while self.counts.first == 0 {
            self.counts.removeFirst()
            self.first += 1
        }
    }
}
