package import FerryErrors

/// What a thing in a tree has besides its content, as its sender tells it.
package struct ToldMetadata: Sendable, Equatable {
    /// Kind and permission bits as in POSIX's st_mode.
    package var posixMode: UInt32
    /// Of a device node, as Linux counts them.
    package var device: UInt64 = 0
    /// Nil if owners are not told.
    package var user: Account?
    package var group: Account?
    /// Sorted by their names.
    package var attributes: [ExtendedAttribute] = []

    /// Users and groups that ACLs among them name, and perhaps others.
    package var accounts: [Account] = []

    /// Takes those accounts that ACLs among the attributes name.
    package mutating func keepAccounts(of all: [Account]) {
        for attribute in self.attributes where attribute.isAccessControl {
            _ = AccessControlList.mapping(attribute.value) { id, isGroup in
                if let account = all.first(where: { $0.id == id && $0.isGroup == isGroup }) {
                    self.accounts.append(account)
                }
                return id
            }
        }
    }

    package init(posixMode: UInt32) { self.posixMode = posixMode }

    /// For how many things it counts in the window of things: attributes must not fill the memory of whoever receives them.
    package var weight: Int { 1 + self.attributes.reduce(0) { $0 + $1.name.count + $1.value.count } / Self.bytesOfOne }
    /// Bytes of attributes that count for one thing more.
    private static let bytesOfOne = 512
    /// The most that one thing counts for.
    package static let mostWeight = 1 + ExtendedAttribute.sizeLimit / bytesOfOne

    package var kind: UInt32 { self.posixMode & 0o170000 }
    package var isDevice: Bool { [0o020000, 0o060000].contains(self.kind) }
    package var isFIFO: Bool { self.kind == 0o010000 }
    package var isSocket: Bool { self.kind == 0o140000 }
    package var isDirectory: Bool { self.kind == 0o040000 }
    package var isLink: Bool { self.kind == 0o120000 }
    package var hasAccessList: Bool { self.attributes.contains { $0.name == ExtendedAttribute.access } }
    /// Whether what is made in the directory gets an ACL from it.
    package var handsDownAccess: Bool { self.attributes.contains { $0.name == ExtendedAttribute.standard } }
    package var isFile: Bool { self.kind == 0o100000 }
}

/// Reads what a tree's things have besides their content. Used by one thread.
package final class MetadataReader {
    package let policy: MetadataPolicy
    package let accounts: Accounts

    package init(_ policy: MetadataPolicy) {
        self.policy = policy
        self.accounts = Accounts(isNumeric: policy.isNumeric)
    }

    /// What is told of an entry.
    ///
    /// - Parameter entry: as the walk found it.
    /// - Returns: its metadata.
    /// - Throws: mapped errors; `tooLarge` for attributes that do not fit a frame.
    package func metadata(of entry: TreeEntry) throws(FerryError) -> ToldMetadata {
        var told = ToldMetadata(posixMode: entry.info.posixMode)
        told.device = entry.info.special
        // A daemon that gives nothing away keeps nothing beside a link or a FIFO: whose that is at home it does not know.
        let isUnknown =
            self.policy.isDaemon && !self.policy.isPrivileged && entry.info.isOurs && !told.isFile && !told.isDirectory
        if self.policy.owners, !isUnknown {
            told.user = self.accounts.account(entry.info.owner, isGroup: false)
            told.group = self.accounts.account(entry.info.group, isGroup: true)
        }
        guard self.policy.looksAtAttributes, entry.failure == nil else { return told }
        let attributes =
            entry.name.isEmpty
            ? try entry.directory.attributes([], where: self.policy.reads)
            : try entry.directory.attributes(entry.name, where: self.policy.reads)
        guard !attributes.isEmpty else { return told }
        let hasList = attributes.contains { $0.name == ExtendedAttribute.access }
        for attribute in attributes {
            if !KeptMetadata.isOwn(attribute.name) {
                told.attributes.append(attribute)
                if attribute.isAccessControl { self.collect(attribute.value, &told.accounts) }
            } else if KeptMetadata.isTrusted(attribute.name) || entry.info.isOnlyOurs(hasList: hasList) {
                KeptMetadata.restore(
                    attribute,
                    to: &told,
                    isEmptyFile: entry.info.kind == .file && entry.info.size == 0
                )
            }
        }
        if !self.policy.attributes { told.attributes = [] }
        told.attributes.sort { $0.name.lexicographicallyPrecedes($1.name) }
        let size =
            told.attributes.reduce(0) { $0 + $1.name.count + $1.value.count }
            + told.accounts.reduce(0) { $0 + $1.name.count + 16 }
        guard size <= ExtendedAttribute.sizeLimit else {
            throw FerryError(
                .tooLarge,
                "\(Escaping.escape(entry.directory.path(of: entry.name))) has \(size) bytes of extended attributes, and no more "
                    + "than \(ExtendedAttribute.sizeLimit) are transferred",
                remedy: "`--no-attributes` leaves them out"
            )
        }
        return told
    }

    /// Whom an ACL names.
    private func collect(_ list: [UInt8], _ accounts: inout [Account]) {
        _ = AccessControlList.mapping(list) { id, isGroup in
            accounts.append(self.accounts.account(id, isGroup: isGroup))
            return id
        }
    }
}
