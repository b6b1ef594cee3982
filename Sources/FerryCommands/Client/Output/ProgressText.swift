/// The text of the progress line, fitted to a window.
package struct ProgressText: Sendable, Equatable {
    /// What is transferred now, escaped.
    package var name: String
    /// Number of the file and of all files; shown if there are several.
    package var index: Int
    package var count: Int
    /// Bytes of the whole job so far.
    package var bytes: UInt64
    /// Bytes of the whole job, or nil while that is not known.
    package var total: UInt64?
    /// Bytes per second.
    package var rate: Double
    /// Seconds to go.
    package var remaining: Double?
    /// Bytes of files per byte that travelled.
    package var ratio: Double?
    /// Bytes that did not have to travel; shown where there are some.
    package var saved: UInt64

    package init(
        name: String,
        index: Int,
        count: Int,
        bytes: UInt64,
        total: UInt64?,
        rate: Double,
        remaining: Double?,
        ratio: Double?,
        saved: UInt64 = 0
    ) {
        self.name = name
        self.index = index
        self.count = count
        self.bytes = bytes
        self.total = total
        self.rate = rate
        self.remaining = remaining
        self.ratio = ratio
        self.saved = saved
    }

    /// Columns that the name keeps before other parts are left out.
    private static let leastName = 8

    /// The line, in fewer than `columns` columns so that the cursor never wraps.
    ///
    /// Where it is narrow the ratio goes first, then what was saved, the time to go, then the rate; the name is shortened in its middle.
    ///
    /// - Parameter columns: of the window.
    /// - Returns: One line.
    package func line(columns: Int) -> String {
        let space = max(0, columns - 1)
        let saved = self.saved > 0 ? "saved \(Amounts.bytes(self.saved))" : nil
        var parts = [self.done, Amounts.rate(self.rate), self.eta, saved, "ratio \(Amounts.shown(self.ratio))"]
        let head = self.count > 1 ? "[\(self.index)/\(self.count)] " : ""
        while true {
            let tail = parts.compactMap { $0 }.map { "  " + $0 }.joined()
            let left = space - head.utf8.count - tail.utf8.count
            if left >= min(Self.leastName, Self.width(self.name)) {
                return head + Self.shorten(self.name, to: left) + tail
            }
            guard parts.count > 1 else { return String((head + tail).prefix(space)) }
            parts.removeLast()
        }
    }

    /// `45%  1.2 GB of 2.7 GB`, or only what is done.
    private var done: String {
        guard let total = self.total else { return Amounts.bytes(self.bytes) }
        let isAll = self.bytes >= total
        // 100% only when it is true.
        let percent = isAll ? 100 : min(99, Int(Double(self.bytes) / Double(total) * 100))
        return "\(percent)%  \(Amounts.bytes(self.bytes)) of \(Amounts.bytes(total))"
    }

    private var eta: String? { self.remaining.map { "ETA \(Amounts.countdown($0))" } }

    /// Columns of an escaped name, never too few: what is not ASCII may be two columns wide.
    static func width(_ name: some StringProtocol) -> Int {
        name.unicodeScalars.reduce(0) { $0 + ($1.isASCII ? 1 : 2) }
    }

    /// The name with its middle left out where it is too long; its end tells more than its middle.
    static func shorten(_ name: String, to columns: Int) -> String {
        guard self.width(name) > columns else { return name }
        guard columns > 2 else { return "" }
        var (head, tail) = (String(), String())
        let characters = Array(name)
        var (low, high) = (0, characters.count - 1)
        // One column for the ellipsis, counted as two like everything that is not ASCII.
        while low <= high {
            let takesTail = self.width(tail) <= self.width(head)
            let next = takesTail ? characters[high] : characters[low]
            guard self.width(head) + self.width(tail) + self.width(String(next)) + 2 <= columns else { break }
            if takesTail { tail = String(next) + tail } else { head.append(next) }
            if takesTail { high -= 1 } else { low += 1 }
        }
        return head + "…" + tail
    }
}
