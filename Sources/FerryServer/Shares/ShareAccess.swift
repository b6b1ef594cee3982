import FerryCatalog
import FerryErrors
import FerryFiles
import FerryWire
import FoundationEssentials

/// A path of a request, resolved: the share's root and the path beneath it.
struct ShareLocation {
    let share: ShareRecord
    /// What the user may do there.
    let granted: Rights
    let root: RootDirectory
    let path: RelativePath

    /// As the user names it, escaped.
    var description: String { self.path.isRoot ? self.share.name.text : "\(self.share.name.text)/\(self.path)" }

    /// The place itself, or where a link that lies there leads.
    ///
    /// - Throws: `.denied` for a link that leads out of the share.
    func followingLink() throws(FerryError) -> ShareLocation {
        ShareLocation(
            share: self.share,
            granted: self.granted,
            root: self.root,
            path: try self.root.followingLink(self.path)
        )
    }
}

/// What one user may do with the shares, asked anew for each request, so that a grant counts from the moment it is made.
struct ShareAccess: Sendable {
    let user: Name
    /// Whose request it is.
    let session: Session
    let services: Services
    /// What this side announced on the connection.
    let limits: FrameLimits

    /// Resolves `SHARE/PATH` for a request.
    ///
    /// - Parameters:
    ///   - path: as it came.
    ///   - rights: what the request needs.
    ///   - allowRoot: whether the share itself may be meant.
    /// - Returns: the share's root and the path beneath it.
    /// - Throws: `.invalidPath`; `.denied` for a share that does not exist or is not granted, with one answer for
    ///   both; `.readOnly` for writing to a read-only share.
    func locate(_ path: Data, _ rights: Rights, allowRoot: Bool = false) throws(FerryError) -> ShareLocation {
        let bytes = [UInt8](path)
        let slash = bytes.firstIndex(of: UInt8(ascii: "/")) ?? bytes.endIndex
        let beneath = try RelativePath(bytes[slash...].dropFirst(), allowRoot: allowRoot)
        guard let text = String(validating: bytes[..<slash], as: UTF8.self) else { throw self.refusal(bytes[..<slash]) }
        let name: Name
        do throws(FerryError) { name = try Name(text) } catch { throw self.refusal(bytes[..<slash]) }
        guard let (share, granted) = try self.services.catalog.rights(user: self.user, share: name), !granted.isEmpty
        else {
            throw self.refusal(bytes[..<slash])
        }
        guard !share.isRepository else {
            throw FerryError(
                .notADirectory,
                "\(name.text) is a repository",
                remedy: "name a snapshot of it, as in \(name.text)@latest; `ferry snapshots` lists them"
            )
        }
        if share.readOnly, rights.contains(.write) {
            throw FerryError(.readOnly, "the share \(name.text) is read-only")
        }
        guard granted.isSuperset(of: rights) else {
            throw FerryError(
                .denied,
                "\(self.user.text) may not \(rights.contains(.write) ? "write to" : "read from") the share \(name.text)",
                remedy: "ask the daemon's administrator for a grant"
            )
        }
        let root = try self.services.roots.root(of: share)
        return ShareLocation(share: share, granted: granted, root: root, path: beneath)
    }

    /// The shares that the user may list.
    func granted() throws(FerryError) -> [ShareRecord] {
        var granted: [ShareRecord] = []
        for share in try self.services.catalog.shares() {
            if let (_, rights) = try self.services.catalog.rights(user: self.user, share: share.name), !rights.isEmpty {
                granted.append(share)
            }
        }
        return granted
    }

    func refusal(_ name: ArraySlice<UInt8>, _ kind: String = "share") -> FerryError {
        FerryError(
            .denied,
            "there is no \(kind) \"\(Escaping.escape(name))\" that \(self.user.text) may use",
            remedy: "list the shares and repositories with ferry ls NAME:"
        )
    }
}
