import FerryErrors
import FerryFiles
import FoundationEssentials

/// What admin commands print on standard output: links, lists, nothing else.
enum AdminOutput {
    /// Writes a line and its end in one piece.
    ///
    /// - Throws: What standard output says: a link that nobody got must not look like success.
    static func write(_ line: String) throws(FerryError) { try StandardOutput.write(line: line) }

    /// Writes a list: one JSON array, or a table with a title line, or nothing if there are no rows.
    static func write<Row: Encodable>(
        _ list: [Row],
        asJSON: Bool,
        titles: [String],
        columns: (Row) -> [String]
    ) throws(FerryError) {
        if asJSON { return try self.write(JSONLine.encode(list)) }
        guard !list.isEmpty else { return }
        try self.write(self.table([titles] + list.map { columns($0).map { Escaping.escape($0) } }))
    }

    /// Columns two blanks apart, without blanks at line ends.
    static func table(_ rows: [[String]]) -> String {
        var widths: [Int] = []
        for row in rows {
            for (index, cell) in row.enumerated() {
                if index == widths.count { widths.append(0) }
                widths[index] = max(widths[index], cell.count)
            }
        }
        let lines = rows.map { row in
            var line = ""
            for (cell, width) in zip(row, widths) {
                line += cell + String(repeating: " ", count: width - cell.count + 2)
            }
            while line.last == " " { line.removeLast() }
            return line
        }
        return lines.joined(separator: "\n")
    }

    /// A time in UTC, or a word for none.
    static func time(_ seconds: Int64?, none: String) -> String {
        guard let seconds else { return none }
        return Date(timeIntervalSince1970: Double(seconds)).formatted(.iso8601)
    }
}
