/// The lines of a text file and their numbers from 1, without line feeds, one carriage return before each, and a byte order
/// mark (UTF-8) at the start.
struct Lines: Sequence, IteratorProtocol {
    private static let mark: [UInt8] = [0xEF, 0xBB, 0xBF]

    private var rest: ArraySlice<UInt8>
    private var number = 0

    init(_ content: [UInt8]) { self.rest = content.starts(with: Self.mark) ? content.dropFirst(3) : content[...] }

    mutating func next() -> (number: Int, line: ArraySlice<UInt8>)? {
        guard !self.rest.isEmpty else { return nil }
        let end = self.rest.firstIndex(of: UInt8(ascii: "\n")) ?? self.rest.endIndex
        var line = self.rest[..<end]
        self.rest = self.rest[end...].dropFirst()
        if line.last == UInt8(ascii: "\r") { line = line.dropLast() }
        self.number += 1
        return (self.number, line)
    }
}
