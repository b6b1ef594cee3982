/// A POSIX character class as it stands in a bracket expression, `[[:digit:]]`: ASCII only, whatever the locale, as in git.
enum CharacterClass: String {
    case alnum, alpha, blank, cntrl, digit, graph, lower, print, punct, space, upper, xdigit

    func contains(_ byte: UInt8) -> Bool {
        switch self {
        case .alnum: Self.alpha.contains(byte) || Self.digit.contains(byte)
        case .alpha: Self.lower.contains(byte) || Self.upper.contains(byte)
        case .blank: byte == 0x20 || byte == 0x09
        case .cntrl: byte < 0x20 || byte == 0x7F
        case .digit: byte >= 0x30 && byte <= 0x39
        case .graph: byte > 0x20 && byte < 0x7F
        case .lower: byte >= 0x61 && byte <= 0x7A
        case .print: byte >= 0x20 && byte < 0x7F
        case .punct: Self.graph.contains(byte) && !Self.alnum.contains(byte)
        // Without vertical tab and form feed, which POSIX counts and git does not.
        case .space: byte == 0x20 || byte == 0x09 || byte == 0x0A || byte == 0x0D
        case .upper: byte >= 0x41 && byte <= 0x5A
        case .xdigit: Self.digit.contains(byte) || (byte | 0x20 >= 0x61 && byte | 0x20 <= 0x66)
        }
    }
}
