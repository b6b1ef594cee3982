import FerryErrors
import FerryFiles

/// A directory of a tree that is being received.
final class TargetDirectory {
    let directory: OpenDirectory
    /// What it gets, with its time, when nothing more is put into it.
    private(set) var metadata: FileMetadata
    private let isChanged: Bool
    private let modified: Timestamp
    /// Nothing was in it before.
    let isNew: Bool
    /// Which file system it is on.
    let device: UInt64
    /// What is made in it gets an ACL from it; and keeps that, for the source's directory hands down none.
    let inherits: Bool
    let keepsInherited: Bool
    /// Files that are on their way into it.
    var pending = 0
    /// The sender has told all that is in it.
    var hasEnded = false
    /// What is in it, where it must be known what is only here; and the first that was not compared.
    private let names: NameList?
    private var here: [UInt8]?
    /// Its mode now, if its owner took the right to change what is in it even from itself; nil if that was not done.
    private var lockedMode: UInt32?

    /// - Parameters:
    ///   - directory: it, open.
    ///   - info: its status.
    ///   - told: what the sender tells of it.
    ///   - metadata: what it is to have.
    ///   - modified: its time of modification.
    ///   - isNew: whether it was just made.
    ///   - isChanged: whether anything may be changed.
    ///   - findsOthers: whether it must be known what is only here.
    /// - Throws: mapped errors.
    init(
        _ directory: OpenDirectory,
        info: FileInfo,
        told: ToldMetadata,
        metadata: FileMetadata,
        modified: Timestamp,
        isNew: Bool,
        isChanged: Bool,
        findsOthers: Bool
    ) throws(FerryError) {
        self.directory = directory
        self.modified = modified
        self.isNew = isNew
        self.names = findsOthers && !isNew ? try directory.names() : nil
        self.here = try self.names?.next()
        self.device = info.device
        self.lockedMode = isChanged && info.isOurs && info.mode & 0o200 == 0 ? info.mode : nil
        self.isChanged = isChanged
        self.inherits = metadata.policy.attributes ? try directory.handsDownAccess() : false
        self.keepsInherited = self.inherits && !told.handsDownAccess
        self.metadata = metadata
        self.metadata.policy.keepsStandard = self.keepsInherited
    }

    var isComplete: Bool { self.hasEnded && self.pending == 0 }

    /// The next thing that is here and was not told.
    ///
    /// - Parameter name: the next that is told; nil once all were.
    /// - Returns: its name; nil if there is none before that.
    /// - Throws: what reading the names fails with.
    func nextOther(before name: [UInt8]?) throws(FerryError) -> [UInt8]? {
        guard let here = self.here else { return nil }
        let isOther = name.map { here.lexicographicallyPrecedes($0) } ?? true
        if isOther || here == name { self.here = try self.names?.next() }
        return isOther ? here : nil
    }

    /// Asked before anything in it is changed; ``finish()`` gives it its mode again.
    func willChange() throws(FerryError) {
        guard let mode = self.lockedMode else { return }
        self.lockedMode = nil
        try self.directory.setMetadata(mode: mode | 0o200, modified: nil)
    }

    /// Gives it its mode and time, where they are not as they should be.
    func finish() throws(FerryError) {
        guard self.isChanged else { return }
        try self.directory.give([], self.metadata, now: try self.directory.info(), modified: self.modified)
    }
}
