/// Refuses text that would cost the YAML parser more than a file of settings can be worth: it builds nodes by
/// recursion, and expands aliases wherever it compares keys.
///
/// The guard looks at bytes, not at tokens, and errs on the safe side; no setting's value comes near.
enum YAMLGuard {
    /// Columns before the first character of a line that is not indentation, `-`, `?` or `:`. Two levels of block
    /// nesting take a column at least.
    static let maximumIndentation = 64
    /// Opening brackets in the whole file, comments aside: a bound on the depth of flow nesting.
    static let maximumBrackets = 256

    struct Refusal: Error {
        let line: Int
        let reason: String
    }

    static func check(_ text: String) throws(Refusal) {
        var brackets = 0
        var line = 1
        for row in text.utf8.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false) {
            try self.checkRow(row, line, &brackets)
            line += 1
        }
    }

    private static func checkRow(_ row: Substring.UTF8View, _ line: Int, _ brackets: inout Int) throws(Refusal) {
        try self.checkControls(row, line)
        var row = row
        if row.last == UInt8(ascii: "\r") { row.removeLast() }
        let content = row.drop { " \t-?:".utf8.contains($0) }
        if content.first == UInt8(ascii: "#") { return }
        if row.count - content.count > self.maximumIndentation, !content.isEmpty || row.contains(UInt8(ascii: "-")) {
            throw Refusal(line: line, reason: "it is nested too deeply")
        }
        var previous = UInt8(ascii: " ")
        var isMarker = false
        for byte in row {
            if byte == UInt8(ascii: "[") || byte == UInt8(ascii: "{") { brackets += 1 }
            if isMarker, self.isNameByte(byte) {
                throw Refusal(line: line, reason: "YAML's anchors (`&x`) and aliases (`*x`) are not supported")
            }
            // Within a word, `*` and `&` are plain characters.
            isMarker =
                (byte == UInt8(ascii: "*") || byte == UInt8(ascii: "&"))
                && !(self.isNameByte(previous) || previous == UInt8(ascii: "/") || previous == UInt8(ascii: "."))
            previous = byte
        }
        guard brackets <= self.maximumBrackets else {
            throw Refusal(line: line, reason: "it holds more than \(self.maximumBrackets) brackets")
        }
    }

    /// Control characters, and the line ends that only YAML knows, which would make lines count differently here.
    private static func checkControls(_ row: Substring.UTF8View, _ line: Int) throws(Refusal) {
        for scalar in Substring(row).unicodeScalars.dropLast(row.last == UInt8(ascii: "\r") ? 1 : 0) {
            switch scalar.value {
            case 0x09: continue
            case 0..<0x20, 0x7F..<0xA0, 0x2028, 0x2029:
                throw Refusal(line: line, reason: "it holds a control character")
            default: continue
            }
        }
    }

    /// What YAML allows in an anchor's name.
    private static func isNameByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"),
            UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "_"), UInt8(ascii: "-"):
            true
        default: false
        }
    }
}
