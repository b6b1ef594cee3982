package import FerryErrors
package import FerryProtocol
package import FerryWire

/// A request that moves no file: list, stat, remove, mkdir.
package final class SimpleRequest: FrameOperation {
    /// Takes a batch of entries as it arrives.
    package typealias TakeEntries = @Sendable ([WireEntry]) throws(FerryError) -> Void

    private let request: Frame
    private let onEntries: TakeEntries
    private var hasAsked = false
    private var isFinished = false

    package let summary = TransferSummary()
    package var canBeRefused: Bool { true }

    /// - Parameters:
    ///   - request: the frame that asks.
    ///   - onEntries: takes each batch of entries as it arrives.
    package init(_ request: Frame, onEntries: @escaping TakeEntries = { _ in }) {
        self.request = request
        self.onEntries = onEntries
    }

    package func received(_ frame: Frame, sink: any FrameSink) throws(FerryError) {
        switch frame.body {
        case .failure(let failure): throw FerryError(peer: failure)
        case .entries(let entries): try self.onEntries(entries.entries)
        case .finished: self.isFinished = true
        default: throw FerryError(.violation, "the daemon answered a request with something else")
        }
    }

    package func proceed(sink: any FrameSink) throws(FerryError) -> Progress {
        if !self.hasAsked {
            self.hasAsked = true
            sink.send(self.request)
        }
        return self.isFinished ? .finished : .waiting
    }

    package func abandoned() {}
}
