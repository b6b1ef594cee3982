/// One step of a pattern on its way down a path.
enum PathStep: Sendable {
    /// One name.
    case name(NamePattern)
    /// `**`: any number of directories; as the last step, everything below.
    case anyDepth

    /// Takes a pattern apart.
    ///
    /// - Parameter pattern: without the exclamation mark and without the slashes that only say where and what it matches.
    /// - Returns: nil if it can never match: a bracket or a backslash is left open, or a name in it is none.
    static func parse(_ pattern: ArraySlice<UInt8>) -> [PathStep]? {
        var parser = Parser()
        var index = pattern.startIndex
        while index < pattern.endIndex {
            let byte = pattern[index]
            index += 1
            switch byte {
            case UInt8(ascii: "/"): parser.endName()
            case UInt8(ascii: "?"): parser.append(.any)
            case UInt8(ascii: "*"): parser.appendStar()
            case UInt8(ascii: "["):
                guard let bracket = BracketExpression(pattern, from: index) else { return nil }
                parser.append(bracket.set)
                index = bracket.end
            case UInt8(ascii: "\\"):
                guard index < pattern.endIndex else { return nil }
                if pattern[index] == UInt8(ascii: "/") {
                    parser.endName(escaped: true)
                } else {
                    parser.append(.byte(pattern[index]))
                }
                index += 1
            default: parser.append(.byte(byte))
            }
        }
        parser.endName()
        return parser.canMatch ? parser.steps : nil
    }

    private struct Parser {
        private(set) var steps: [PathStep] = []
        private(set) var canMatch = true
        private var elements: [Glob.Element] = []
        private var sets: [ByteSet] = []
        private var hasTwoStars = false

        mutating func append(_ element: Glob.Element) { self.elements.append(element) }

        mutating func append(_ set: ByteSet) {
            // The length of a pattern bounds how many there are.
            self.elements.append(.set(UInt16(truncatingIfNeeded: self.sets.count)))
            self.sets.append(set)
        }

        mutating func appendStar() {
            if self.elements.last == .star {
                self.hasTwoStars = true
            } else {
                self.elements.append(.star)
            }
        }

        /// Ends a name at a slash or at the end of the pattern.
        mutating func endName(escaped: Bool = false) {
            defer {
                self.elements = []
                self.sets = []
                self.hasTwoStars = false
            }
            // Two stars are special only as a whole name.
            guard self.hasTwoStars, self.elements == [.star] else {
                let name = NamePattern(self.elements, sets: self.sets)
                if !name.canMatch { self.canMatch = false }
                self.steps.append(.name(name))
                return
            }
            // Git lets two stars stand for no directory only before a slash that is not escaped.
            if escaped { self.steps.append(.name(.anything)) }
            if case .anyDepth = self.steps.last { return }
            self.steps.append(.anyDepth)
        }
    }
}
