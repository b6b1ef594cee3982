package import FerryErrors
import SwiftProtobuf

/// Every number that bounds what a peer may make this side hold.
///
/// Specification constants (both sides must agree, Docs/protocol.md) stand first; what a side merely advertises in
/// its hello is in ``FrameLimits``.
package enum WireConstants {
    /// "Fery" in ASCII, the first field of a hello.
    package static let magic: UInt32 = 0x4665_7279
    /// The version this code speaks; it also accepts the one before it, of which there is none yet.
    package static let version: UInt32 = 1
    /// The oldest version that is still accepted.
    package static let oldestVersion: UInt32 = 1
    /// Bytes before a header: two big-endian u32 lengths.
    package static let prefixLength = 8
    /// Header bytes before the hello is accepted: a token, an agent and a few dozen feature names fit well.
    package static let helloHeaderLimit = 4 << 10
    /// Header bytes afterwards: 1024 names take 32 KiB of ids and at most 4 KiB of lengths.
    package static let headerLimit = 64 << 10
    /// Payload bytes: one block that did not compress.
    package static let payloadLimit = 1 << 20
    /// In memory, not on the wire: what the start of a payload is a multiple of, in bytes.
    package static let payloadAlignment = 4096
    /// Names in one frame.
    package static let namesPerFrame = 1024
    /// Things of a tree that are told and undecided, or needed and not ended.
    package static let itemWindow = 4096
    /// Bytes of a user's or a group's name in a listing.
    package static let accountName = 256
    /// Bytes of what a link says in a listing: no system's links hold more.
    package static let linkText = 4096
    /// Users and groups that one frame of items may name.
    package static let accountsPerFrame = 4096
    /// Further connections that may join one transfer.
    package static let joinLimit = 64
    /// Names this in a hello who knows how connections join a transfer.
    package static let joinFeature = "join"
    /// Default TCP port.
    package static let defaultPort = 7717
}

/// What one side lets the other have in flight towards it.
package struct FrameLimits: Sendable, Equatable {
    /// Bytes of one frame's header.
    package var header: Int
    /// Bytes of one frame's payload.
    package var payload: Int
    /// Payload bytes of blocks that are sent and not yet credited. A receiver never withholds more than leaves room for a
    /// payload, or the next block would not fit and both sides would wait. 4 MiB in flight over TLS on loopback ran three
    /// times as fast as 16 MiB (DESIGN.md, measured).
    package var blockWindow: Int
    /// Names sent and undecided, or wanted and not yet sent.
    package var nameWindow: Int

    package init(
        header: Int = WireConstants.headerLimit,
        payload: Int = WireConstants.payloadLimit,
        blockWindow: Int = 4 << 20,
        nameWindow: Int = 4096
    ) {
        self.header = header
        self.payload = payload
        self.blockWindow = blockWindow
        self.nameWindow = nameWindow
    }

    /// Consumed payload bytes at which the receiver returns credit: often enough that the window still takes the
    /// largest block, seldom enough that it costs few frames.
    package var creditStep: Int { max(0, min(self.blockWindow / 4, self.blockWindow - self.payload)) }

    /// How much credit to return.
    ///
    /// - Parameters:
    ///   - consumed: what was consumed and is not credited.
    ///   - window: what the sender may have in flight now: where it is less than ``blockWindow``, the rest is withheld.
    /// - Returns: payload bytes; 0 while it is not worth a frame.
    package func credit(for consumed: Int, window: Int) -> Int {
        guard window < self.blockWindow else { return consumed >= self.creditStep ? consumed : 0 }
        // Short steps, for there is less between them.
        let step = min(self.creditStep, 256 << 10)
        let withheld = max(0, min(self.blockWindow - window, self.blockWindow - self.payload - step))
        return consumed - withheld >= max(step, 1) ? consumed - withheld : 0
    }

    /// Before the hello: small headers, no payload.
    package static let beforeHello = FrameLimits(
        header: WireConstants.helloHeaderLimit,
        payload: 0,
        blockWindow: 0,
        nameWindow: 0
    )

    /// The message that tells the peer.
    package var message: WireLimits {
        .with {
            $0.header = UInt32(clamping: self.header)
            $0.payload = UInt32(clamping: self.payload)
            $0.blockWindow = UInt32(clamping: self.blockWindow)
            $0.nameWindow = UInt32(clamping: self.nameWindow)
        }
    }

    /// What a peer announced, clamped to what this side would ever use; too small to work with is refused.
    ///
    /// - Parameter message: the peer's limits.
    /// - Throws: `.limit` if a block or a batch of names could never be sent.
    package init(peer message: WireLimits) throws(FerryError) {
        self.init(
            header: min(Int(message.header), WireConstants.headerLimit),
            payload: min(Int(message.payload), WireConstants.payloadLimit),
            blockWindow: min(Int(message.blockWindow), 64 << 20),
            nameWindow: min(Int(message.nameWindow), 1 << 16)
        )
        guard
            self.header >= WireConstants.headerLimit, self.payload >= WireConstants.payloadLimit,
            self.blockWindow >= self.payload, self.nameWindow >= 16
        else {
            throw FerryError(
                .limit,
                "the peer's limits are too small to transfer anything: header \(message.header), payload \(message.payload), "
                    + "block window \(message.blockWindow), name window \(message.nameWindow)"
            )
        }
    }
}
