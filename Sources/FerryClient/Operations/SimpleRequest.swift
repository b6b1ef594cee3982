package import FerryErrors
package import FerryProtocol
package import FerryWire
import FoundationEssentials

/// A request that moves no file: list, stat, remove, mkdir.
package final class SimpleRequest: FrameOperation {
    /// Takes a batch of entries as it arrives.
    package typealias TakeEntries = @Sendable ([WireEntry]) throws(FerryError) -> Void

    private let request: Frame
    private let onEntries: TakeEntries
    /// How many entries the answer may hold; nil for a listing.
    private let maximumEntries: Int?
    private var entries = 0
    private var hasAsked = false
    private var isFinished = false

    package let summary = TransferSummary()
    package var canBeRefused: Bool { true }

    /// - Parameters:
    ///   - request: the frame that asks.
    ///   - maximumEntries: how many entries the answer may hold; nil for a listing.
    ///   - onEntries: takes each batch of entries as it arrives.
    package init(_ request: Frame, maximumEntries: Int? = nil, onEntries: @escaping TakeEntries = { _ in }) {
        self.request = request
        self.maximumEntries = maximumEntries
        self.onEntries = onEntries
    }

    package func received(_ frame: Frame, sink: any FrameSink) throws(FerryError) {
        switch frame.body {
        case .failure(let failure): throw FerryError(peer: failure)
        case .entries(let entries):
            for entry in entries.entries where !Self.isName(entry.name) || !Self.isBounded(entry) {
                throw FerryError(.violation, "the daemon listed something that is not a name")
            }
            self.entries += entries.entries.count
            if let maximum = self.maximumEntries, self.entries > maximum {
                throw FerryError(.violation, "the daemon listed what nothing had asked for")
            }
            try self.onEntries(entries.entries)
        case .finished: self.isFinished = true
        default: throw FerryError(.violation, "the daemon answered a request with something else")
        }
    }

    /// What a directory can hold (NAME_MAX): a listing is kept to be sorted, so that it is bounded by its names.
    private static func isName(_ name: Data) -> Bool {
        (1...255).contains(name.count) && !name.contains(0) && !name.contains(UInt8(ascii: "/"))
            && !name.elementsEqual(".".utf8) && !name.elementsEqual("..".utf8)
    }

    /// What a listing tells besides.
    private static func isBounded(_ entry: WireEntry) -> Bool {
        entry.target.count <= WireConstants.linkText && entry.user.name.count <= WireConstants.accountName
            && entry.group.name.count <= WireConstants.accountName
    }

    package func proceed(sink: any FrameSink) throws(FerryError) -> Progress {
        if !self.hasAsked {
            self.hasAsked = true
            sink.send(self.request)
        }
        return self.isFinished ? .finished : .waiting
    }

    package func abandoned(_ error: FerryError) {}
}
