import FerryErrors
import Glibc

/// Gives a thing what it is to have besides its content: only what differs is touched.
///
/// The order matters: an own file's attributes cannot be set once its mode forbids writing, and giving a file away takes
/// what is privileged from it.
struct MetadataWriter {
    let calls: SystemCalls
    /// The directory, and the name in it; or the thing itself, and no name.
    let directory: Int32
    let name: [CChar]
    /// For messages.
    let description: String

    /// Sets what its owner may set.
    ///
    /// - Parameters:
    ///   - metadata: what it is to have.
    ///   - now: its status.
    ///   - modified: its time of modification; nil leaves it.
    ///   - isNew: whether it cannot have attributes yet.
    /// - Returns: why its attributes could not be set; all else is.
    /// - Throws: what else fails.
    func write(
        _ metadata: FileMetadata,
        now: FileInfo,
        modified: Timestamp?,
        isNew: Bool = false
    ) throws(Errno) -> FerryError? {
        var mode = now.mode
        var failure = try self.writeAttributes(metadata, isNew: isNew, mode: &mode) { !Self.comesAfterMode($0) }
        let isOthers = metadata.owner.map { $0 != Owner(now) } ?? false
        // Nothing runs as this process before it is given away.
        if let wanted = metadata.mode.map({ isOthers && now.kind != .directory ? $0 & ~0o6000 : $0 }), wanted != mode {
            try self.setMode(wanted)
        }
        failure =
            try self.writeAttributes(metadata, isNew: isNew, mode: &mode) { $0.starts(with: Self.accessPrefix) }
            ?? failure
        if let modified, now.modified != modified { try self.setTime(modified) }
        return failure
    }

    /// Gives it away, where that is asked for, and sets what belongs to the new owner.
    ///
    /// - Parameters:
    ///   - metadata: what it is to have.
    ///   - now: its status.
    ///   - isNew: whether it cannot have attributes yet.
    /// - Returns: why its attributes could not be set.
    /// - Throws: what else fails.
    func giveAway(_ metadata: FileMetadata, now: FileInfo, isNew: Bool = false) throws(Errno) -> FerryError? {
        if let owner = metadata.owner, owner != Owner(now) {
            do throws(Errno) { try self.calls.chown(self.directory, self.name, to: owner) } catch {
                // A file system may have no owners, or a container none with this number: the file is whole.
                guard [EPERM, EINVAL, EOPNOTSUPP, EOVERFLOW].contains(error.code) else { throw error }
                var failure = FerryError(error, "give away", self.description)
                failure.code = .permission
                failure.remedy = "`--no-owner` leaves owners as they are"
                return failure
            }
            // Giving away takes these bits from a file.
            if let mode = metadata.mode, mode & 0o6000 != 0, metadata.isTrusted || now.kind == .directory {
                try self.setMode(mode)
            }
        }
        var mode = now.mode
        return try self.writeAttributes(metadata, isNew: isNew, mode: &mode, where: ExtendedAttribute.isPrivileged)
    }

    private static let accessPrefix = Array("system.".utf8)

    private static func comesAfterMode(_ name: [UInt8]) -> Bool {
        name.starts(with: self.accessPrefix) || ExtendedAttribute.isPrivileged(name)
    }

    private func writeAttributes(
        _ metadata: FileMetadata,
        isNew: Bool,
        mode: inout UInt32,
        where isMeant: ([UInt8]) -> Bool
    ) throws(Errno) -> FerryError? {
        guard metadata.policy.looksAtAttributes || !metadata.attributes.isEmpty else { return nil }
        let wanted = metadata.attributes.filter { isMeant($0.name) }
        if isNew, wanted.isEmpty { return nil }
        var failure: FerryError?
        let here = isNew ? [] : try self.calls.attributeNames(self.directory, self.name)
        for name in here
        where isMeant(name) && metadata.policy.manages(name) && !wanted.contains(where: { $0.name == name }) {
            failure =
                self.trying(name, &mode) { () throws(Errno) in
                    try self.calls.removeAttribute(self.directory, self.name, name)
                } ?? failure
        }
        for attribute in wanted {
            if here.contains(attribute.name),
                try self.calls.attribute(self.directory, self.name, attribute.name) == attribute.value
            {
                continue
            }
            failure =
                self.trying(attribute.name, &mode) { () throws(Errno) in
                    try self.calls.setAttribute(self.directory, self.name, attribute)
                } ?? failure
        }
        return failure
    }

    /// Changes an attribute, also of an own file that its mode protects.
    private func trying(_ name: [UInt8], _ mode: inout UInt32, _ body: () throws(Errno) -> Void) -> FerryError? {
        do throws(Errno) {
            do throws(Errno) { try body() } catch {
                guard error.code == EACCES, mode & 0o200 == 0 else { throw error }
                try self.setMode(mode | 0o200)
                mode |= 0o200
                try body()
            }
            return nil
        } catch {
            // ext4 says the same of a full disk and of more than it has room for in one file.
            let isFull = [ENOSPC, EDQUOT, E2BIG, ERANGE].contains(error.code)
            // What is only kept beside a file goes where there is room for it.
            if KeptMetadata.isOwn(name), !KeptMetadata.isNode(name), isFull || error.code == EOPNOTSUPP { return nil }
            var failure = FerryError(error, "set the extended attribute \(Escaping.escape(name)) of", self.description)
            if isFull {
                failure = FerryError(
                    .tooLarge,
                    "the file system has no room for the extended attribute \(Escaping.escape(name)) of \(self.description)"
                )
            }
            failure.remedy = "`--no-attributes` leaves them out"
            return failure
        }
    }

    private func setMode(_ mode: UInt32) throws(Errno) {
        if self.name == CString.none {
            try self.calls.fchmod(self.directory, to: mode)
        } else {
            try self.calls.fchmodat(self.directory, self.name, to: mode)
        }
    }

    private func setTime(_ modified: Timestamp) throws(Errno) {
        if self.name == CString.none {
            try self.calls.futimens(self.directory, modified: modified)
        } else {
            try self.calls.utimensat(self.directory, self.name, modified: modified)
        }
    }
}
