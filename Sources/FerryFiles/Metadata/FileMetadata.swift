/// What a file, directory or link is to have besides its content, as this side can set it.
package struct FileMetadata: Sendable, Equatable {
    /// Permission bits; nil leaves them.
    package var mode: UInt32?
    /// Those of the bits that are the source's.
    private var settable: UInt32 = 0o777
    /// Whether bits that make a program run as somebody else are set, once it belongs to whom it is to belong.
    private(set) var isTrusted = false
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
        // Nobody but an administrator who fetches a file with its owner makes what runs as somebody else from outside.
        let isTrusted = policy.isPrivileged && !policy.isDaemon && policy.owners && told.user != nil
        self.isTrusted = isTrusted
        // Who set up a directory so that its group is inherited wants that to stay.
        self.settable = (isTrusted ? 0o7777 : 0o777) | (told.isDirectory ? 0o1000 : 0)
        let kept = (here?.mode ?? 0) & (told.isDirectory ? 0o2000 : isTrusted ? 0 : 0o7000)
        let canKeep = policy.isDaemon && (told.isFile || told.isDirectory || told.isDevice)
        var mode = told.posixMode & self.settable | kept
        // What lies beside a file counts only where nobody else may write.
        if canKeep, told.isDevice { mode &= ~0o022 }
        // What runs as somebody is kept only with who that is.
        let keepsRights = canKeep && policy.owners && told.user != nil
        var attributes = told.isLink ? [] : told.attributes
        var isKept = false
        if canKeep {
            let trusted = policy.keepsTrusted
            if !keepsRights { attributes.removeAll { ExtendedAttribute.isPrivileged($0.name) } }
            for index in attributes.indices where ExtendedAttribute.isPrivileged(attributes[index].name) {
                attributes[index] = KeptMetadata.keeping(attributes[index], trusted: trusted)
                isKept = true
            }
            if keepsRights, told.posixMode & 0o7777 & ~mode != 0 {
                attributes.append(KeptMetadata.keeping(mode: told.posixMode, trusted: trusted))
                isKept = true
            }
            if told.isDevice {
                let node = DeviceNode(posixMode: told.posixMode, number: told.device)
                attributes.append(KeptMetadata.keeping(node, trusted: trusted))
                isKept = true
            }
        }
        if policy.owners, let user = told.user, let group = told.group {
            let owner = Owner(user: accounts.id(of: user), group: accounts.id(of: group))
            // Of a file that is somebody else's nobody would believe what lies beside it.
            let mustStay = policy.isDaemon && isKept && !policy.keepsTrusted
            if policy.isPrivileged, !mustStay {
                self.owner = owner
            } else if policy.isDaemon {
                if owner != .ofProcess, canKeep { attributes.append(KeptMetadata.keeping(user: user, group: group)) }
            } else if Owner.isMember(of: owner.group), here?.isOurs ?? true {
                self.owner = Owner(user: Owner.ofProcess.user, group: owner.group)
            }
        }
        let changesHands = here.map { here in self.owner.map { $0 != Owner(here) } ?? false } ?? false
        // What a user let run as itself must not run as the next owner.
        self.mode = told.isLink ? nil : changesHands && !told.isDirectory && !isTrusted ? mode & ~0o6000 : mode
        // The kernel lets only files and directories have them.
        if !(told.isFile || told.isDirectory || canKeep) { attributes = attributes.filter(\.isAccessControl) }
        for index in attributes.indices where attributes[index].isAccessControl {
            attributes[index].value =
                AccessControlList.mapping(attributes[index].value) { id, isGroup in
                    told.accounts.first { $0.id == id && $0.isGroup == isGroup }.map(accounts.id) ?? id
                } ?? attributes[index].value
        }
        self.attributes = attributes.filter { policy.manages($0.name) }
        self.attributes.sort { $0.name.lexicographicallyPrecedes($1.name) }
    }

    /// What is still to be set when all that its first owner may set is.
    package mutating func forgetSet() { self.attributes.removeAll { !ExtendedAttribute.isPrivileged($0.name) } }

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
