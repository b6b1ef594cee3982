import FerryChunking

extension Checksum {
    /// The sum that the last four bytes are, big endian.
    static func suffix(_ bytes: [UInt8]) -> UInt32? {
        bytes.count < 4 ? nil : bytes.suffix(4).reduce(0) { $0 << 8 | UInt32($1) }
    }
}
