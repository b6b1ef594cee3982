/// What a file, directory or link is to have besides its content, as this side can set it.
package struct FileMetadata: Sendable, Equatable {
    /// Permission bits; nil leaves them.
    package var mode: UInt32?
    /// Those of the bits that are the source's.
    private var settable: UInt32 = 0o777
    /// Nil leaves it.
    package var owner: Owner?
    /// All that it is to have of those that the policy manages, sorted by their names.
    package var attributes: [ExtendedAttribute] = []
    package var policy: MetadataPolicy

    /// A plain file's, of which nothing but the mode is to be set.
    package init(mode: UInt32) {
        self.mode = mode
        self.policy = MetadataPolicy()
        (self.policy.owners, self.policy.attributes) = (false, false)
    }

    /// - Parameters:
    ///   - told: what the sender tells.
    ///   - here: what has the name now and stays; nil for what will be new.
    ///   - policy: of this side.
    ///   - accounts: names of users and groups here.
    package init(_ told: ToldMetadata, here: FileInfo?, policy: MetadataPolicy, accounts: Accounts) {
        self.policy = policy
        let isTrusted = policy.isPrivileged && !policy.isDaemon && policy.owners && told.user != nil
        // What runs as somebody else is not made from outside, unless an administrator fetches it with its owner.
        var settable: UInt32 = isTrusted ? 0o7777 : 0o777
        // Who set up a directory so that its group is inherited wants that to stay.
        if told.isDirectory { settable |= 0o1000 }
        self.settable = settable
        let kept = (here?.mode ?? 0) & (told.isDirectory ? 0o2000 : isTrusted ? 0 : 0o7000)
        let mode = told.posixMode & settable | kept
        self.mode = told.isLink ? nil : mode
        var attributes = told.isLink ? [] : told.attributes
        if policy.isDaemon, !told.isLink {
            attributes = attributes.map {
                ExtendedAttribute.isPrivileged($0.name) ? KeptMetadata.keeping($0) : $0
            }
            if told.posixMode & 0o7777 & ~mode != 0 { attributes.append(KeptMetadata.keeping(mode: told.posixMode)) }
            if told.isDevice {
                attributes.append(
                    KeptMetadata.keeping(DeviceNode(posixMode: told.posixMode, number: told.device))
                )
            }
        }
        if policy.owners, let user = told.user, let group = told.group {
            let owner = Owner(user: accounts.id(of: user), group: accounts.id(of: group))
            if policy.isPrivileged {
                self.owner = owner
            } else if policy.isDaemon {
                if owner != .ofProcess, !told.isLink {
                    attributes.append(KeptMetadata.keeping(user: user, group: group))
                }
            } else if Owner.isMember(of: owner.group), here?.isOurs ?? true {
                self.owner = Owner(user: Owner.ofProcess.user, group: owner.group)
            }
        }
        for index in attributes.indices where attributes[index].isAccessControl {
            attributes[index].value =
                AccessControlList.mapping(attributes[index].value) { id, isGroup in
                    told.accounts.first { $0.id == id && $0.isGroup == isGroup }.map(accounts.id) ?? id
                } ?? attributes[index].value
        }
        self.attributes = attributes.filter { policy.manages($0.name) }
        self.attributes.sort { $0.name.lexicographicallyPrecedes($1.name) }
    }

    /// Whether a device node becomes an empty file that says so.
    package var keepsDevices: Bool { self.policy.isDaemon }

    /// The source has other permission bits by now.
    package mutating func setMode(_ mode: UInt32) {
        self.mode = self.mode.map { $0 & ~self.settable | mode & self.settable }
    }
}

extension FileInfo {
    /// Whether it is the FIFO or the device node that was told.
    ///
    /// - Parameters:
    ///   - told: what the sender tells.
    ///   - isKept: whether an empty file stands for a device; what it says is among its attributes.
    /// - Returns: whether it need not be made.
    package func isSpecial(_ told: ToldMetadata, isKept: Bool) -> Bool {
        if told.isDevice, isKept { return self.kind == .file && self.size == 0 }
        return self.posixMode & 0o170000 == told.kind && (!told.isDevice || self.special == told.device)
    }
}
