/// Which metadata a side tells of, sets and removes.
package struct MetadataPolicy: Sendable, Equatable {
    /// A daemon keeps beside a file what it does not set: whoever asks it for something is not who may do it here.
    package var isDaemon = false
    /// Whether what only an administrator may set is set.
    package var isPrivileged = Owner.mayGiveAway
    /// Whether what is kept beside a file is written where nobody else can write.
    package var keepsTrusted = Owner.mayTrust
    /// Whether owners are part of it.
    package var owners = true
    /// Whether extended attributes and ACLs are.
    package var attributes = true
    /// Whether users and groups are numbers, and their names do not count.
    package var isNumeric = false
    /// Whether FIFOs and device nodes are transferred.
    package var specials = false
    /// ACLs that are here and that the source has none of stay: they are inherited, or say what will be.
    package var keepsAccess = false
    package var keepsStandard = false

    package init() {}

    /// Whether an attribute here is to be as the sender says, or absent if it says nothing.
    func manages(_ name: [UInt8]) -> Bool {
        if KeptMetadata.isOwn(name) {
            guard self.isDaemon else { return false }
            if KeptMetadata.isNode(name) { return true }
            return self.owners && (self.attributes || !KeptMetadata.isAttribute(name))
        }
        guard self.attributes else { return false }
        if name == ExtendedAttribute.access { return !self.keepsAccess }
        if name == ExtendedAttribute.standard { return !self.keepsStandard }
        if name.starts(with: ExtendedAttribute.userPrefix) { return true }
        return self.isPrivileged && !self.isDaemon && ExtendedAttribute.isPrivileged(name)
    }

    /// Whether an attribute is read to be told of.
    func reads(_ name: [UInt8]) -> Bool {
        if KeptMetadata.isOwn(name) { return self.isDaemon }
        return self.attributes && ExtendedAttribute.isPortable(name)
    }

    /// Whether there may be attributes to look at.
    var looksAtAttributes: Bool { self.attributes || self.isDaemon && self.owners }
}
