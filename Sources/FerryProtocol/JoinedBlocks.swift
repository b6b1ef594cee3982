package import FerryErrors
package import FerryWire
import NIOCore

/// The blocks that a sender has put on a joined connection and that the receiver has not credited: kept, so that they can
/// be sent again if the connection is lost.
package struct JoinedBlocks {
    private let window: Int
    private var frames = CircularBuffer<Frame>()
    /// Bytes of the first of these that are credited.
    private var credited = 0
    /// Blocks that are credited whole.
    private var arrived: UInt64 = 0
    /// Payload bytes sent and not yet credited.
    package private(set) var inFlight = 0

    /// - Parameter window: bytes that may be in flight.
    package init(window: Int) { self.window = window }

    package var isEmpty: Bool { self.frames.isEmpty }

    /// True if a block of `payload` bytes fits the window; with nothing in flight every legal block does.
    package func allowsBlock(payload: Int) -> Bool { self.inFlight == 0 || self.inFlight + payload <= self.window }

    /// Notes that a block was sent.
    package mutating func sent(_ frame: Frame) {
        self.frames.append(frame)
        self.inFlight += frame.payload.readableBytes
    }

    /// Forgets what has arrived.
    ///
    /// - Parameter credit: payload bytes that the receiver has consumed.
    /// - Returns: how many chunks the blocks held that have arrived by it.
    /// - Throws: `.violation` if more is credited than was sent.
    package mutating func creditReceived(_ credit: WireCredit) throws(FerryError) -> Int {
        guard Int(credit.bytes) <= self.inFlight else {
            throw FerryError(.violation, "the receiver credits \(credit.bytes) bytes of \(self.inFlight) sent")
        }
        self.inFlight -= Int(credit.bytes)
        self.credited += Int(credit.bytes)
        var chunks = 0
        while let first = self.frames.first, first.payload.readableBytes <= self.credited {
            self.credited -= first.payload.readableBytes
            self.arrived += 1
            chunks += first.chunks
            self.frames.removeFirst()
        }
        return chunks
    }

    /// The frames that are sent again because their connection is lost.
    ///
    /// - Parameter connection: its number.
    /// - Returns: the blocks in their order, each of which says which it was.
    package func again(_ connection: Int) -> [Frame] {
        self.frames.enumerated().map { index, frame in
            frame.again(UInt32(clamping: connection), self.arrived + UInt64(index) + 1)
        }
    }
}

extension Frame {
    /// How many chunks its block holds.
    package var chunks: Int { if case .block(let block) = self.body { block.lengths.count } else { 0 } }

    fileprivate func again(_ connection: UInt32, _ number: UInt64) -> Frame {
        guard case .block(var block) = self.body else { return self }
        block.lostConnection = connection
        block.lostBlock = number
        return Frame(.block(block), payload: self.payload)
    }
}
