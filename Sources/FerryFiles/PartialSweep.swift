package import FerryErrors

/// Removes what transfers left behind long ago beneath a root: a walk over names in constant memory, a piece at a time.
///
/// It is the only record of partial files: whatever was left, by whom and after what crash, is found. Links are not
/// followed. A directory that cannot be read is passed by.
package struct PartialSweep: ~Copyable {
    /// Entries looked at in one piece: about a millisecond, where the directory is in memory.
    private static let piece = 1000
    /// Open directories; what lies deeper is left alone.
    private static let maximumDepth = 200

    private let before: Int64
    private let descends: Bool
    private var readers: [Level] = []
    /// Partial files removed so far.
    package private(set) var removed = 0

    private final class Level {
        var reader: DirectoryReader
        init(_ reader: consuming DirectoryReader) { self.reader = reader }
    }

    /// - Parameters:
    ///   - root: what to walk.
    ///   - before: seconds since 1970; what was written to since then stays.
    ///   - descends: whether directories below are walked as well.
    /// - Throws: mapped errors, if the root cannot be read.
    package init(_ root: RootDirectory, before: Int64, descends: Bool = true) throws(FerryError) {
        self.before = before
        self.descends = descends
        do throws(Errno) {
            self.readers = [Level(DirectoryReader(try root.openDirectory(.root), calls: root.calls))]
        } catch {
            throw FerryError(error, "list", "the share")
        }
    }

    /// Does a piece of the walk.
    ///
    /// - Returns: whether there is more.
    package mutating func proceed() -> Bool {
        for _ in 0..<Self.piece {
            guard let level = self.readers.last else { return false }
            do throws(Errno) {
                guard let name = try level.reader.next() else {
                    self.readers.removeLast()
                    continue
                }
                if name.starts(with: RelativePath.reservedPrefix) {
                    if try level.reader.removePartial(name, before: self.before) { self.removed += 1 }
                } else if self.descends, level.reader.mayBeDirectory, self.readers.count < Self.maximumDepth,
                    let below = try level.reader.descend(name)
                {
                    self.readers.append(Level(below))
                }
            } catch {
                self.readers.removeLast()
            }
        }
        return true
    }
}
