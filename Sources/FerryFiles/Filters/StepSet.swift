/// A set of indices of a rule list's steps, one bit each; it takes no memory while it is empty.
struct StepSet: Sendable, Hashable {
    private(set) var words: [UInt64] = []

    var isEmpty: Bool { self.words.isEmpty }

    /// - Parameters:
    ///   - index: to insert.
    ///   - count: how many indices there are; always the same for one set.
    mutating func insert(_ index: Int, of count: Int) {
        if self.words.isEmpty { self.words = [UInt64](repeating: 0, count: (count + 63) / 64) }
        self.words[index >> 6] |= 1 << UInt64(index & 63)
    }

    /// The lowest member from `index` on.
    func next(from index: Int) -> Int? {
        var number = index >> 6
        guard number < self.words.count else { return nil }
        var word = self.words[number] & (.max << UInt64(index & 63))
        while word == 0 {
            number += 1
            guard number < self.words.count else { return nil }
            word = self.words[number]
        }
        return number << 6 + word.trailingZeroBitCount
    }

    /// The highest member below `index` that is in `other` too.
    func last(below index: Int, in other: StepSet) -> Int? {
        guard index > 0, !self.words.isEmpty, !other.words.isEmpty else { return nil }
        var number = (index - 1) >> 6
        var word = self.words[number] & other.words[number] & (.max >> UInt64(63 - (index - 1) & 63))
        while word == 0 {
            guard number > 0 else { return nil }
            number -= 1
            word = self.words[number] & other.words[number]
        }
        return number << 6 + 63 - word.leadingZeroBitCount
    }
}
