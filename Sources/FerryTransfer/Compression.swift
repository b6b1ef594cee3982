package import FerryChunking
package import FerryErrors
package import FerryProtocol
package import FerryWire

/// What a user asks for with `--compress`.
package enum Compression: String, CaseIterable, Sendable {
    case auto, off, fast, best

    package init(_ wire: WireCompression) throws(FerryError) {
        switch wire {
        case .auto: self = .auto
        case .off: self = .off
        case .fast: self = .fast
        case .best: self = .best
        case .UNRECOGNIZED(let value): throw FerryError(.unsupported, "compression \(value) is not known")
        }
    }

    package var wire: WireCompression {
        switch self {
        case .auto: .auto
        case .off: .off
        case .fast: .fast
        case .best: .best
        }
    }

    /// How one block is compressed, or nil to store it.
    ///
    /// `auto` compresses only what a cheap probe finds compressible, and only while the link is the slower part:
    /// a whole block still waits for the kernel although another is ready, and the kernel takes bytes more slowly
    /// than compressing on one core would make them (ISA-L level 1: 730 MB/s of text; half of that, because the
    /// peer's inflating and this side's hashing share the cores).
    ///
    /// - Parameters:
    ///   - raw: the block.
    ///   - ready: bytes that are wanted and not yet sent, this block included.
    ///   - sinks: the connections of the transfer, with their own queues.
    /// - Returns: how to compress it, or nil.
    package func effort(for raw: UnsafeRawBufferPointer, ready: Int, sinks: [any FrameSink]) -> Effort? {
        switch self {
        case .off: return nil
        case .fast: return unsafe CompressibilityProbe.looksCompressible(raw) ? .fast : nil
        case .best: return unsafe CompressibilityProbe.looksCompressible(raw) ? .best : nil
        case .auto:
            guard sinks.reduce(0, { $0 + $1.queuedBytes }) >= Self.blockLength, ready >= raw.count else { return nil }
            let rates = sinks.compactMap(\.drainRate)
            guard !rates.isEmpty, rates.reduce(0, +) < Self.compressionPays else { return nil }
            return unsafe CompressibilityProbe.looksCompressible(raw) ? .fast : nil
        }
    }

    private static let blockLength = WireConstants.payloadLimit / 2
    /// Bytes per second.
    private static let compressionPays = 365e6
}
