/// What marks a directory as a cache whose content can be made again, by the Cache Directory Tagging Specification.
package enum CacheDirectory {
    /// How the marking file is called; it counts only as a regular file.
    package static let tagName: [UInt8] = Array("CACHEDIR.TAG".utf8)
    /// What the file begins with; whatever follows is for people.
    package static let signature: [UInt8] = Array("Signature: 8a477f597d28d172789f06886806bc55".utf8)

    /// Whether a file named ``tagName`` that begins so marks its directory; as many bytes as ``signature`` has are enough.
    package static func isTag(_ beginning: some Sequence<UInt8>) -> Bool { beginning.starts(with: Self.signature) }
}
