import CChunking

/// The search for the first place whose gear hash is below a bound.
///
/// A place is the length of what precedes it in `bytes`. Its hash is the sum of `GearTable[byte] << distance` over the
/// 64 bytes before it, modulo 2^64.
package enum GearScan {
    private static let hasVectors = ferry_gear_is_supported()

    /// Returns the first place in `first`...`last` whose hash is below `bound`.
    ///
    /// `first` is at least 64 and `last` at most the count of `bytes`; the range may be empty.
    package static func first(
        in bytes: UnsafeRawBufferPointer,
        from first: Int,
        through last: Int,
        bound: UInt64
    ) -> Int? {
        guard Self.hasVectors, first > GearChunker.window else {
            return unsafe Self.firstByLanes(in: bytes, from: first, through: last, bound: bound)
        }
        return unsafe Self.firstByVectors(in: bytes, from: first, through: last, bound: bound)
    }

    /// The same with AVX-512: 16 streams at once, each on a stretch of its own. `first` is above 64.
    private static func firstByVectors(
        in bytes: UnsafeRawBufferPointer,
        from first: Int,
        through last: Int,
        bound: UInt64
    ) -> Int? {
        guard let base = unsafe bytes.baseAddress?.assumingMemoryBound(to: UInt8.self) else { return nil }
        // Long stretches spend less on taking in the 64 bytes before each, short ones less on what lies after the find:
        // all streams together take the distance at which a find is to be expected, 2^64 / bound.
        let sensible = min(Self.longestStretch, Int(clamping: (UInt64.max / max(bound, 1)) >> 4))
        var next = first
        while true {
            let stretch = min(sensible, (last - next + 1) / Self.streams) / Self.group * Self.group
            guard stretch >= Self.shortestStretch else { break }
            // SAFETY: the 64 bytes before `next - 1` and all up to `last` lie in `bytes`; there are 2048 plane bytes.
            let found = unsafe GearTable.planes.withUnsafeBufferPointer { planes in
                unsafe ferry_gear_first_group(base + (next - 1), stretch, bound, planes.baseAddress)
            }
            if found < stretch {
                let start = next + found * Self.group
                return unsafe Self.firstByReference(
                    in: bytes,
                    from: start,
                    through: start + Self.group - 1,
                    bound: bound
                )
            }
            next += Self.streams * stretch
        }
        return unsafe Self.firstByLanes(in: bytes, from: next, through: last, bound: bound)
    }

    // What ferry_gear_first_group works on at once, and the bounds of what is worth it.
    private static let streams = 16
    private static let group = 16
    private static let longestStretch = 1024
    private static let shortestStretch = 128

    /// The bytes that one lane examines in a row.
    private static let stretch = 1024
    private static let lanes = 4

    /// The same on any machine: a step of the hash waits for the one before it, and four lanes on four stretches hide the
    /// wait. Each lane first takes in the 64 bytes before its stretch.
    package static func firstByLanes(
        in bytes: UnsafeRawBufferPointer,
        from first: Int,
        through last: Int,
        bound: UInt64
    ) -> Int? {
        var next = first
        while last - next + 1 >= Self.lanes * Self.stretch {
            let clean = unsafe Self.cleanSteps(in: bytes, from: next, bound: bound)
            if clean < Self.stretch {
                // Some lane found a place after `clean` steps; an earlier lane may still have one, which comes first.
                for lane in 0..<Self.lanes {
                    let start = next + lane * Self.stretch
                    let found = unsafe Self.firstByReference(
                        in: bytes,
                        from: start + clean,
                        through: start + Self.stretch - 1,
                        bound: bound
                    )
                    if let found { return found }
                }
            }
            next += Self.lanes * Self.stretch
        }
        return unsafe Self.firstByReference(in: bytes, from: next, through: last, bound: bound)
    }

    /// Steps four lanes, a stretch apart from `first` on, and returns how many steps all of them made without a find.
    private static func cleanSteps(in bytes: UnsafeRawBufferPointer, from first: Int, bound: UInt64) -> Int {
        // SAFETY: the caller has 64 bytes before `first` and four stretches from there on; the table has 256 entries.
        unsafe GearTable.withEntries { gear in
            guard let base = unsafe bytes.baseAddress?.assumingMemoryBound(to: UInt8.self) else { return Self.stretch }
            let lane0 = unsafe base + (first - 1)
            let lane1 = unsafe lane0 + Self.stretch
            let lane2 = unsafe lane1 + Self.stretch
            let lane3 = unsafe lane2 + Self.stretch
            var hash0: UInt64 = 0
            var hash1: UInt64 = 0
            var hash2: UInt64 = 0
            var hash3: UInt64 = 0
            for index in 1 - GearChunker.window..<0 {
                unsafe hash0 = hash0 &<< 1 &+ gear[Int(lane0[index])]
                unsafe hash1 = hash1 &<< 1 &+ gear[Int(lane1[index])]
                unsafe hash2 = hash2 &<< 1 &+ gear[Int(lane2[index])]
                unsafe hash3 = hash3 &<< 1 &+ gear[Int(lane3[index])]
            }
            for index in 0..<Self.stretch {
                unsafe hash0 = hash0 &<< 1 &+ gear[Int(lane0[index])]
                unsafe hash1 = hash1 &<< 1 &+ gear[Int(lane1[index])]
                unsafe hash2 = hash2 &<< 1 &+ gear[Int(lane2[index])]
                unsafe hash3 = hash3 &<< 1 &+ gear[Int(lane3[index])]
                if hash0 < bound || hash1 < bound || hash2 < bound || hash3 < bound { return index }
            }
            return Self.stretch
        }
    }

    /// The same byte by byte: the reference for the faster ways.
    package static func firstByReference(
        in bytes: UnsafeRawBufferPointer,
        from first: Int,
        through last: Int,
        bound: UInt64
    ) -> Int? {
        guard first <= last else { return nil }
        // SAFETY: by contract the 64 bytes before `first` and all up to `last` lie in `bytes`.
        return unsafe GearTable.withEntries { gear in
            var hash: UInt64 = 0
            for index in first - GearChunker.window..<first - 1 {
                unsafe hash = hash &<< 1 &+ gear[Int(bytes[index])]
            }
            for place in first...last {
                unsafe hash = hash &<< 1 &+ gear[Int(bytes[place - 1])]
                if hash < bound { return place }
            }
            return nil
        }
    }
}
