package import FerryErrors

extension GearChunker {
    /// The lengths that the chunker aims at and keeps to, in bytes. ``init(average:)`` checks them.
    package struct Parameters: Hashable, Sendable {
        /// The averages allowed: powers of two from 16 to 256 KiB.
        package static let averages = (16 << 10)...(256 << 10)

        /// The length around which chunks gather.
        package let average: Int
        /// No chunk but a file's last is shorter.
        package let minimum: Int
        /// No chunk is longer.
        package let maximum: Int

        /// A place below the average is a cut if its hash is below this bound: four times rarer than one in `average`.
        package let strictBound: UInt64
        /// The same for a place from the average on: four times more often than one in `average`.
        package let looseBound: UInt64

        /// Takes the lengths that belong to `average`, which must be a power of two from 16 to 256 KiB.
        ///
        /// - Throws: `usage` if it is not.
        package init(average: Int) throws(FerryError) {
            guard Self.averages.contains(average), average.nonzeroBitCount == 1 else {
                throw FerryError(
                    .usage,
                    "an average chunk of \(average) bytes is not a power of two from 16 to 256 KiB"
                )
            }
            self.init(averageBits: average.trailingZeroBitCount)
        }

        /// Chunks of one length, whatever they hold: for a file of which the receiver has no version that content-defined
        /// cuts could find again (`Docs/decisions/even-chunks.md`).
        package static let even = Parameters(averageBits: 18, spread: 1)

        /// The same, shorter: for a link that may be so slow, and break so soon, that a long chunk would never get through.
        package static let evenShort = Parameters(averageBits: 16, spread: 1)

        /// Whether content chooses the cuts, so that a receiver can find the chunks again in an old version.
        package var cutsByContent: Bool { self.minimum < self.maximum }

        private init(averageBits: Int, spread: Int = 4) {
            self.average = 1 << averageBits
            self.minimum = self.average / spread
            self.maximum = min(self.average * spread, ChunkLimits.maximumLength)
            self.strictBound = 1 << UInt64(64 - averageBits - 2)
            self.looseBound = 1 << UInt64(64 - averageBits + 2)
        }

        /// Returns the parameters for a file pushed to a share: about √`oldSize`/4 where an old version of `oldSize`
        /// bytes may hold some of the chunks, which balances the bytes sent again for a change against the names sent
        /// for the file; else ``even``, which costs least.
        package static func forShare(oldSize: Int64?) -> Parameters {
            guard let oldSize, oldSize > 0 else { return .even }
            // The largest of the averages that is at most √2·√size/4, that is, the nearest power of two to √size/4.
            var bits = 14
            while bits < 18, oldSize >> 3 >= Int64(1) << (2 * (bits + 1)) { bits += 1 }
            return Parameters(averageBits: bits)
        }
    }
}
