/// The "did you mean" of error messages.
package enum Suggestion {
    /// Longer words are not compared: nobody mistypes them by a letter or two.
    private static let longest = 64

    /// The candidate that was probably meant: the nearest one by edit distance, if at most every third letter differs.
    ///
    /// - Parameters:
    ///   - word: what was written.
    ///   - candidates: what exists; the first of several equally near ones wins.
    /// - Returns: a candidate, or nil if none is near.
    package static func nearest(to word: String, among candidates: some Sequence<String>) -> String? {
        let word = Array(word.lowercased().utf8)
        guard !word.isEmpty, word.count <= self.longest else { return nil }
        var best: (candidate: String, distance: Int)?
        for candidate in candidates where candidate.utf8.count <= self.longest {
            let distance = self.distance(word, Array(candidate.lowercased().utf8))
            if distance <= max(1, word.count / 3), distance < best?.distance ?? .max { best = (candidate, distance) }
        }
        return best?.candidate
    }

    /// The least number of bytes to insert, delete, replace or swap with their neighbour (Damerau–Levenshtein,
    /// restricted form), row by row.
    private static func distance(_ left: [UInt8], _ right: [UInt8]) -> Int {
        var beforeLast: [Int] = []
        var last = Array(0...right.count)
        for i in left.indices {
            var row = [i + 1]
            for j in right.indices {
                var cost = min(last[j + 1] + 1, row[j] + 1, last[j] + (left[i] == right[j] ? 0 : 1))
                if i > 0, j > 0, left[i] == right[j - 1], left[i - 1] == right[j] {
                    cost = min(cost, beforeLast[j - 1] + 1)
                }
                row.append(cost)
            }
            beforeLast = last
            last = row
        }
        return last[right.count]
    }
}
