import NIOCore

/// The files of which chunks are wanted, in the order of their places in the content of the tree.
struct ComingFiles {
    private var files = CircularBuffer<IncomingFile>()

    var all: [IncomingFile] { Array(self.files) }

    /// Notes that a chunk of a file is wanted: of the one that was noted last, or of one behind it.
    mutating func append(_ file: IncomingFile) {
        if self.files.last !== file { self.files.append(file) }
    }

    /// The file that a place in the content belongs to, and where that begins there.
    func file(at place: UInt64) -> (IncomingFile, start: UInt64)? {
        var (low, high) = (0, self.files.count)
        while low < high {
            let middle = (low + high) / 2
            if self.files[offset: middle].start ?? 0 <= place { low = middle + 1 } else { high = middle }
        }
        guard low > 0 else { return nil }
        let file = self.files[offset: low - 1]
        return (file, file.start ?? 0)
    }

    /// Forgets those at the front of which nothing more comes.
    mutating func forgetComplete() {
        while let first = self.files.first, first.wanted == 0, first.hasEnded { self.files.removeFirst() }
    }
}
