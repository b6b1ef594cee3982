import Dispatch
import FerryChunking
import FerryErrors
import FerryFiles
import FerryProtocol
import NIOCore
import Synchronization

/// Finds out which names stand for what a cut transfer has left in their places, by reading and hashing it on threads of its
/// own.
///
/// Several pieces at once, because to one reader the disk gives less: 1.25 GB/s against 1.39 to two and 1.65 to four, on the
/// reference machine. No thread waits for another, however many transfers do this.
final class KeptCheck: Sendable {
    /// Bytes of neighbours that are read and hashed at once.
    private static let step = 1 << 20
    /// Pieces in work at the same time.
    private static let width = 4
    /// What places and counts of reads past the page cache are multiples of, in bytes.
    private static let page = 4096

    private struct Piece {
        let names: [ReceiveMachine.Name]
        var verdicts: [Bool]?
    }

    private struct State {
        /// In the order of the names.
        var pieces = CircularBuffer<Piece>()
        /// The number of the first of them.
        var first = 0
        /// The number of the next piece to look at.
        var next = 0
        var inWork = 0
        var isStopped = false
    }

    private let file: any PlacedBytes
    /// Serial ones: those of a concurrent queue, and of the global ones, share a few threads with the whole process, which
    /// must not wait for a disk.
    private let queues = (0..<width).map { _ in DispatchQueue(label: "ferry.kept") }
    private let running = DispatchGroup()
    private let state = Mutex(State())

    init(_ file: any PlacedBytes) { self.file = file }

    /// Bytes from the file's start that may be in place.
    var size: UInt64 { UInt64(clamping: self.file.size) }

    /// Takes the next names.
    ///
    /// - Parameters:
    ///   - names: of neighbours that end within ``size``.
    ///   - sink: woken whenever there is something to take.
    func submit(_ names: some Sequence<ReceiveMachine.Name>, sink: any FrameSink) {
        var piece: [ReceiveMachine.Name] = []
        var length = 0
        var pieces: [Piece] = []
        for name in names {
            // Zeros are not read, and make long pieces.
            let isOther = piece.last.map { $0.isZeros != name.isZeros } ?? false
            if isOther || length + name.length > Self.step && !name.isZeros && !piece.isEmpty {
                pieces.append(Piece(names: piece))
                (piece, length) = ([], 0)
            }
            piece.append(name)
            length += name.length
        }
        if !piece.isEmpty { pieces.append(Piece(names: piece)) }
        self.state.withLock { $0.pieces += pieces }
        self.goOn(sink)
    }

    /// What was found out since the last call.
    ///
    /// - Returns: for the next names in their order, whether what is in place is what they name.
    func take() -> [Bool] {
        self.state.withLock { state in
            var verdicts: [Bool] = []
            while let found = state.pieces.first?.verdicts {
                verdicts += found
                state.pieces.removeFirst()
                state.first += 1
            }
            return verdicts
        }
    }

    /// Nobody takes any more. Returns when nothing is being looked at: what a transfer has of the machine ends with it.
    func stop() {
        self.state.withLock { $0.isStopped = true }
        self.running.wait()
    }

    private func goOn(_ sink: any FrameSink) {
        while let (number, names) = self.begin() {
            self.queues[number % Self.width].async {
                let verdicts = self.look(for: names)
                self.state.withLock { state in
                    state.inWork -= 1
                    state.pieces[offset: number - state.first].verdicts = verdicts
                }
                self.goOn(sink)
                sink.wake()
                self.running.leave()
            }
        }
    }

    private func begin() -> (Int, [ReceiveMachine.Name])? {
        self.state.withLock { state in
            guard !state.isStopped, state.inWork < Self.width, state.next - state.first < state.pieces.count else {
                return nil
            }
            defer {
                state.next += 1
                state.inWork += 1
                self.running.enter()
            }
            return (state.next, state.pieces[offset: state.next - state.first].names)
        }
    }

    /// What cannot be read is not there. Zeros need not be: they are had without writing them (``ByteDestination/makeHole(at:length:)``).
    private func look(for names: [ReceiveMachine.Name]) -> [Bool] {
        if names.first?.isZeros ?? false { return names.map { _ in false } }
        let length = names.reduce(0) { $0 + $1.length }
        guard let first = names.first, let start = Int64(exactly: first.offset) else { return [] }
        let within = Int(start) % Self.page
        let count = (within + length + Self.page - 1) / Self.page * Self.page
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: count, alignment: Self.page)
        defer { unsafe buffer.deallocate() }
        guard let read = unsafe try? self.file.read(into: buffer, at: start - Int64(within)), read >= within + length
        else { return names.map { _ in false } }
        let bytes = unsafe UnsafeRawBufferPointer(rebasing: buffer[within..<(within + length)])
        let ids = unsafe ChunkID.hashing(SourceReader.slices(bytes, names.map(\.length)))
        return zip(names, ids).map { $0.id == $1 }
    }
}

extension ReceiveMachine.Name {
    /// Whether it stands for nothing but zeros, as far as that is known without hashing.
    var isZeros: Bool { self.id.isOfZeros(length: self.length) }
}
