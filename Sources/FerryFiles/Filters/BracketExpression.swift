/// Reads `[a-z]`, `[!a-z]` and `[[:alpha:]_]` with the rules of git's matcher.
struct BracketExpression {
    /// What it matches; a slash in it means nothing, for no name has one.
    let set: ByteSet
    /// Index behind its closing bracket.
    let end: Int

    /// Nil if it is not closed or names a class that there is not: the pattern then matches nothing.
    ///
    /// - Parameters:
    ///   - pattern: that it stands in.
    ///   - start: index behind the opening bracket.
    init?(_ pattern: ArraySlice<UInt8>, from start: Int) {
        var reader = Reader(pattern: pattern, index: start)
        let isNegated = reader.skip("!") || reader.skip("^")
        // The first byte is a member even if it is the closing bracket.
        repeat {
            guard reader.readMember() else { return nil }
        } while reader.byte != UInt8(ascii: "]")
        var set = reader.set
        if isNegated { set.invert() }
        self.set = set
        self.end = reader.index + 1
    }

    private struct Reader {
        let pattern: ArraySlice<UInt8>
        var index: Int
        var set = ByteSet()
        /// The member before, from which a range may go on; nil at the start and behind a range or a class.
        private var previous: UInt8?

        init(pattern: ArraySlice<UInt8>, index: Int) {
            self.pattern = pattern
            self.index = index
        }

        /// The byte to read next; nil at the end of the pattern.
        var byte: UInt8? { self.byte(ahead: 0) }

        func byte(ahead count: Int) -> UInt8? {
            self.index + count < self.pattern.endIndex ? self.pattern[self.index + count] : nil
        }

        mutating func skip(_ character: Unicode.Scalar) -> Bool {
            guard self.byte == UInt8(ascii: character) else { return false }
            self.index += 1
            return true
        }

        /// Reads one byte, the rest of a range or a class; false if the pattern ends in it or the class is unknown.
        mutating func readMember() -> Bool {
            if self.byte == UInt8(ascii: "["), self.byte(ahead: 1) == UInt8(ascii: ":") { return self.readClass() }
            if self.byte == UInt8(ascii: "-"), let first = self.previous, let next = self.byte(ahead: 1),
                next != UInt8(ascii: "]")
            {
                self.index += 1
                guard let last = self.readByte() else { return false }
                // One that runs backwards is empty.
                if first <= last { for byte in first...last { self.set.insert(byte) } }
                self.previous = nil
                return true
            }
            guard let member = self.readByte() else { return false }
            self.set.insert(member)
            self.previous = member
            return true
        }

        /// One byte, or the one behind a backslash.
        private mutating func readByte() -> UInt8? {
            _ = self.skip("\\")
            guard let byte = self.byte else { return nil }
            self.index += 1
            return byte
        }

        private mutating func readClass() -> Bool {
            let start = self.index + 2
            guard let end = self.pattern[start...].firstIndex(of: UInt8(ascii: "]")) else { return false }
            guard end > start, self.pattern[end - 1] == UInt8(ascii: ":") else {
                // No ":]", so the bracket is a member like any other.
                self.set.insert(UInt8(ascii: "["))
                self.previous = UInt8(ascii: "[")
                self.index += 1
                return true
            }
            let name = String(decoding: self.pattern[start..<(end - 1)], as: UTF8.self)
            guard let members = CharacterClass(rawValue: name) else { return false }
            for byte in UInt8.min...UInt8.max where members.contains(byte) { self.set.insert(byte) }
            self.previous = nil
            self.index = end + 1
            return true
        }
    }
}
