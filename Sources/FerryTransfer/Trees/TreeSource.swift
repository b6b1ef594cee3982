import FerryChunking
import FerryErrors
import FerryFiles

/// Something in a tree, as its receiver is told of it.
struct ToldItem {
    /// A file whose content the receiver may need.
    struct File {
        /// By which its source knows it.
        let number: Int
        /// Bytes.
        let size: UInt64
    }

    let name: [UInt8]
    /// From the top of the tree, for messages.
    let path: [UInt8]
    let told: ToldMetadata
    /// Bytes of a file.
    var size: UInt64 = 0
    var modified: Timestamp
    /// What a symbolic link says.
    var linkText: [UInt8] = []
    /// If it is a further name of a file, that one's first.
    var firstName: [UInt8]?
    var failure: FerryError?
    var isLeftOut = false
    /// Nothing but its name is told.
    var isOnlyNamed = false
    /// It is left out because of its kind.
    var isSkipped = false
    var isSparse = false
    /// For how many things it counts in the window of things.
    var weight = 1
    /// Nil if there is no content that the receiver could need.
    var file: File?

    /// Whether it counts as a file.
    var isFile: Bool { self.told.isFile && !self.isLeftOut }
}

/// Where a tree comes from that is sent: a disk, or a snapshot.
protocol TreeSource: AnyObject {
    /// The next step through the tree; nil once the top has ended.
    ///
    /// - Throws: if the tree as a whole cannot be read; what else fails is told with its item, or in ``failures``.
    func next() throws(FerryError) -> TreeSourceStep?
    /// The receiver needs the content of a file.
    ///
    /// - Parameters:
    ///   - file: which.
    ///   - oldSize: of the receiver's version, in bytes; nil if it has none.
    func need(_ file: ToldItem.File, oldSize: Int64?)
    /// The receiver does not need it.
    func forget(_ file: ToldItem.File)

    /// Whether no file is needed that was not read.
    var isIdle: Bool { get }
    /// Reads about a segment of the files that are needed.
    ///
    /// - Parameter isSlow: whether chunks are to be short, for a link that may break.
    /// - Returns: chunks and ends, in order.
    func read(isSlow: Bool) -> [Piece]
    /// Of the segment that was read last.
    var number: Int { get }
    /// The most bytes that one took.
    var longestSegment: Int { get }
    var digest: RecipeDigest { get }
    /// Bytes named so far.
    var size: UInt64 { get }
    /// What could not be read, from the top of the tree, and why; for whoever takes them.
    var failures: [(path: [UInt8], error: FerryError)] { get set }
}

enum TreeSourceStep {
    case item(ToldItem)
    /// The directory that was told last, and has not ended, ends.
    case end
    /// Much was left out, and nothing found yet.
    case pause
}
