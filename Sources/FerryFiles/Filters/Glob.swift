/// Matches one name with `*`, `?` and bracket expressions.
///
/// A star that fails is only ever retried from the last one, because what the stars before it took cannot help: time is at
/// most the product of both lengths, and there is no recursion.
struct Glob: Sendable {
    enum Element: Sendable, Hashable {
        case byte(UInt8)
        /// `?`
        case any
        /// Index of a bracket expression's set.
        case set(UInt16)
        /// `*`
        case star
    }

    private let elements: [Element]
    private let sets: [ByteSet]
    /// Bytes that a name has at least.
    private let minimumLength: Int

    /// - Parameters:
    ///   - elements: without two stars in a row.
    ///   - sets: which the elements refer to.
    init(_ elements: [Element], sets: [ByteSet]) {
        self.elements = elements
        self.sets = sets
        self.minimumLength = elements.count { $0 != .star }
    }

    func matches(_ name: [UInt8]) -> Bool {
        guard name.count >= self.minimumLength else { return false }
        var (element, byte) = (0, 0)
        // The last star, and the first byte that it has not been tried without.
        var retry: (element: Int, byte: Int)?
        while byte < name.count {
            if element < self.elements.count {
                if self.elements[element] == .star {
                    element += 1
                    retry = (element, byte)
                    continue
                }
                if self.matches(self.elements[element], name[byte]) {
                    element += 1
                    byte += 1
                    continue
                }
            }
            guard let last = retry else { return false }
            (element, byte) = (last.element, last.byte + 1)
            retry = (element, byte)
        }
        while element < self.elements.count, self.elements[element] == .star { element += 1 }
        return element == self.elements.count
    }

    private func matches(_ element: Element, _ byte: UInt8) -> Bool {
        switch element {
        case .byte(let wanted): wanted == byte
        case .any: true
        case .set(let index): self.sets[Int(index)].contains(byte)
        case .star: false
        }
    }
}
