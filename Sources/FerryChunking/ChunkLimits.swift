/// The limits that every chunk and block obeys, whoever made it.
package enum ChunkLimits {
    /// The longest chunk, and the longest raw (inflated) block, in bytes: 1 MiB.
    package static let maximumLength = 1 << 20
}
