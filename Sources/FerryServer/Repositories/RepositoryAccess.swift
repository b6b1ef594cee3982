import FerryCatalog
import FerryChunking
import FerryErrors
import FerryFiles
import FerryObjects
import FerryRepository
import FerryWire
import FoundationEssentials

/// A repository that a request is about, and what its user may do there.
struct RepositoryLocation {
    let record: ShareRecord
    let granted: Rights
    let repository: Repository

    /// Whose snapshots a user may see: who may only append sees what is their own.
    ///
    /// - Parameter user: who asks.
    /// - Returns: nil for those of all.
    func owner(for user: Name) -> String? { self.granted.contains(.read) ? nil : user.text }
}

/// A path in a snapshot.
struct SnapshotLocation {
    let place: RepositoryLocation
    /// The snapshot.
    let stored: StoredSnapshot
    let content: RepositoryContent
    /// What is there.
    let entry: Entry
    /// From the snapshot's top.
    let path: RelativePath

    /// What belongs to it besides its content.
    var info: FileInfo { self.entry.info }
}

extension ShareAccess {
    /// Whether a request's path leads into a snapshot: `REPOSITORY@SNAPSHOT/PATH`.
    static func isSnapshot(_ path: Data) -> Bool {
        path.prefix { $0 != UInt8(ascii: "/") }.contains(UInt8(ascii: "@"))
    }

    /// Resolves a repository's name.
    ///
    /// - Parameters:
    ///   - name: as it came.
    ///   - rights: one of which the request needs.
    /// - Returns: the repository, opened.
    /// - Throws: `.denied` for one that does not exist or is not granted; what opening it fails with.
    func repository(_ name: Data, anyOf rights: Rights) throws(FerryError) -> RepositoryLocation {
        let bytes = [UInt8](name)
        guard let text = String(validating: bytes, as: UTF8.self), let name = try? Name(text),
            let (record, granted) = try self.services.catalog.rights(user: self.user, share: name), !granted.isEmpty
        else { throw self.refusal(bytes[...], "repository") }
        guard record.isRepository else {
            throw FerryError(
                .usage,
                "\(name.text) is a share, and no repository",
                remedy: "`ferry push` and `ferry pull` are for shares"
            )
        }
        guard !granted.isDisjoint(with: rights) else {
            throw FerryError(
                .denied,
                "\(self.user.text) may not do that in the repository \(name.text)",
                remedy: "ask the daemon's administrator for a grant"
            )
        }
        let repository = try self.services.repositories.repository(record)
        return RepositoryLocation(record: record, granted: granted, repository: repository)
    }

    /// Resolves `REPOSITORY@SNAPSHOT/PATH`.
    ///
    /// - Parameter path: as it came.
    /// - Returns: what is there.
    /// - Throws: `.denied`, `.notFound`, `.invalidPath`, and what reading fails with.
    func snapshot(_ path: Data) throws(FerryError) -> SnapshotLocation {
        let bytes = [UInt8](path)
        let slash = bytes.firstIndex(of: UInt8(ascii: "/")) ?? bytes.endIndex
        let at = bytes[..<slash].firstIndex(of: UInt8(ascii: "@")) ?? slash
        let beneath = try RelativePath(bytes[slash...].dropFirst(), allowRoot: true)
        let place = try self.repository(Data(bytes[..<at]), anyOf: [.read, .append])
        let name = SnapshotName(text: String(decoding: bytes[at..<slash].dropFirst(), as: UTF8.self))
        let found = try name.find(in: place.repository, owner: place.owner(for: self.user))
        let content = RepositoryContent(place.repository, found)
        return SnapshotLocation(
            place: place,
            stored: found,
            content: content,
            entry: try content.entry(at: beneath.bytes),
            path: beneath
        )
    }
}

extension Entry {
    /// As a file system would tell it.
    var info: FileInfo {
        FileInfo(
            posixMode: self.mode,
            size: Int64(clamping: self.size),
            modified: Timestamp(seconds: self.seconds, nanoseconds: self.nanoseconds)
        )
    }
}
