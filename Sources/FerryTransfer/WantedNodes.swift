import FerryChunking
import FerryWire
import NIOCore

/// Nodes of a backup that are wanted: they share blocks of their own, and go after the data that were wanted before them,
/// because a repository takes a node only once it has what that points to.
struct WantedNodes {
    /// Bytes and nodes at which they go: a block need not be full, and those that wait fill the window of names.
    private static let enoughBytes = ChunkLimits.maximumLength / 2
    private static let enoughCount = 256

    private var chunks = CircularBuffer<SourceReader.Chunk>()
    private var bytes = 0
    /// Once they are to go: how many of them, and how many chunks of data go before.
    private var due: (nodes: Int, data: Int)?

    /// Whether data are to go, so that these can.
    var areWaitedFor: Bool { self.due != nil }
    /// Whether they go now.
    var areDue: Bool { self.due?.data == 0 }

    mutating func append(_ chunk: SourceReader.Chunk, behind data: Int) {
        self.chunks.append(chunk)
        self.bytes += chunk.length
        if self.due == nil, self.bytes >= Self.enoughBytes || self.chunks.count >= Self.enoughCount {
            self.due = (self.chunks.count, data)
        }
    }

    /// The next block of them, if there are any.
    var next: BlockBuilder.Next? {
        var (count, length) = (0, 0)
        for chunk in self.chunks.prefix(min(self.due?.nodes ?? .max, WireConstants.namesPerFrame)) {
            guard length + chunk.length <= ChunkLimits.maximumLength else { break }
            count += 1
            length += chunk.length
        }
        return count == 0 ? nil : BlockBuilder.Next(count: count, length: length, areNodes: true)
    }

    mutating func take(_ count: Int) -> [SourceReader.Chunk] {
        let taken = Array(self.chunks.prefix(count))
        self.chunks.removeFirst(taken.count)
        self.bytes -= taken.reduce(0) { $0 + $1.length }
        if let due = self.due { self.due = due.nodes > taken.count ? (due.nodes - taken.count, 0) : nil }
        return taken
    }

    mutating func dataSent(_ count: Int) {
        guard let due = self.due else { return }
        self.due = (due.nodes, max(0, due.data - count))
    }
}
