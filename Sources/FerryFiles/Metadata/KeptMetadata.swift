/// What a daemon keeps beside a file because it does not set it: who owns the file, the bits that make a program run as
/// somebody else, what a device node is, and attributes that only an administrator may set. It is read back by a pull.
///
/// Kept in extended attributes of the file (Docs/operation.md):
///
///     user.ferry.owner      UID:GID:USER:GROUP, names empty where there were none
///     user.ferry.mode       permission bits with setuid, setgid and sticky, octal
///     user.ferry.node       c or b, MAJOR:MINOR; the file itself is empty
///     user.ferry.kept.NAME  the attribute NAME
///
/// A daemon that may (CAP_SYS_ADMIN) writes `trusted.ferry.` in place of `user.ferry.`: nobody else can write that, so that it
/// counts whoever owns the file.
package enum KeptMetadata {
    private static let userPrefix = Array("user.ferry.".utf8)
    private static let trustedPrefix = Array("trusted.ferry.".utf8)
    private static let attributePrefix = Array("kept.".utf8)

    /// Whether an attribute is one of these: none travels as it is.
    package static func isOwn(_ name: [UInt8]) -> Bool {
        name.starts(with: self.userPrefix) || name.starts(with: self.trustedPrefix)
    }

    /// Whether only an administrator can have written it.
    static func isTrusted(_ name: [UInt8]) -> Bool { name.starts(with: self.trustedPrefix) }

    private static func key(_ name: [UInt8]) -> ArraySlice<UInt8> {
        name.dropFirst(self.isTrusted(name) ? self.trustedPrefix.count : self.userPrefix.count)
    }

    static func isOwner(_ name: [UInt8]) -> Bool { self.isOwn(name) && self.key(name).elementsEqual("owner".utf8) }
    static func isNode(_ name: [UInt8]) -> Bool { self.isOwn(name) && self.key(name).elementsEqual("node".utf8) }
    static func isAttribute(_ name: [UInt8]) -> Bool {
        self.isOwn(name) && self.key(name).starts(with: self.attributePrefix)
    }

    private static func make(_ key: some Collection<UInt8>, _ value: [UInt8], trusted: Bool) -> ExtendedAttribute {
        ExtendedAttribute(name: (trusted ? self.trustedPrefix : self.userPrefix) + key, value: value)
    }

    static func keeping(user: Account, group: Account) -> ExtendedAttribute {
        let colon = [UInt8(ascii: ":")]
        let names = [user, group].map { Accounts.isName($0.name) ? $0.name : [] }
        let numbers = Array("\(user.id):\(group.id)".utf8)
        return self.make("owner".utf8, numbers + colon + names[0] + colon + names[1], trusted: false)
    }

    static func keeping(mode: UInt32, trusted: Bool) -> ExtendedAttribute {
        self.make("mode".utf8, Array(String(mode & 0o7777, radix: 8).utf8), trusted: trusted)
    }

    package static func keeping(_ node: DeviceNode, trusted: Bool = false) -> ExtendedAttribute {
        let text = "\(node.isBlock ? "b" : "c") \(node.major):\(node.minor)"
        return self.make("node".utf8, Array(text.utf8), trusted: trusted)
    }

    static func keeping(_ attribute: ExtendedAttribute, trusted: Bool) -> ExtendedAttribute {
        self.make(self.attributePrefix + attribute.name, attribute.value, trusted: trusted)
    }

    /// Takes what is kept beside a file for the file's own. What cannot be read counts for nothing.
    ///
    /// - Parameters:
    ///   - attribute: one of these.
    ///   - told: what is told of the file.
    ///   - isEmptyFile: whether the file may stand for a device.
    package static func restore(_ attribute: ExtendedAttribute, to told: inout ToldMetadata, isEmptyFile: Bool = true) {
        let key = self.key(attribute.name)
        if key.starts(with: self.attributePrefix) {
            let name = Array(key.dropFirst(self.attributePrefix.count))
            if ExtendedAttribute.isPrivileged(name), !self.isOwn(name) {
                told.attributes.append(ExtendedAttribute(name: name, value: attribute.value))
            }
            return
        }
        let text = String(decoding: attribute.value, as: UTF8.self)
        switch String(decoding: key, as: UTF8.self) {
        case "mode":
            if let mode = UInt32(text, radix: 8), mode <= 0o7777 { told.posixMode = told.posixMode & ~0o7777 | mode }
        case "node":
            guard isEmptyFile, let node = DeviceNode(text) else { return }
            told.posixMode = told.posixMode & 0o7777 | node.posixKind
            told.device = node.number
        case "owner":
            let parts = attribute.value.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false)
            guard parts.count == 4, told.user != nil, let user = UInt32(String(decoding: parts[0], as: UTF8.self)),
                let group = UInt32(String(decoding: parts[1], as: UTF8.self))
            else { return }
            told.user = Account(id: user, name: Array(parts[2]), isGroup: false)
            told.group = Account(id: group, name: Array(parts[3]), isGroup: true)
        default: break
        }
    }
}

/// A character or block device by its numbers, as Linux counts them.
package struct DeviceNode {
    let isBlock: Bool
    let major: UInt32
    let minor: UInt32

    package init(posixMode: UInt32, number: UInt64) {
        self.isBlock = posixMode & 0o170000 == 0o060000
        // makedev(3): 12 bits of each where they always were, the others above.
        self.major = UInt32(truncatingIfNeeded: number >> 8 & 0xFFF | number >> 32 & 0xFFFF_F000)
        self.minor = UInt32(truncatingIfNeeded: number & 0xFF | number >> 12 & 0xFFFF_FF00)
    }

    /// `c 5:1`.
    package init?(_ text: String) {
        let parts = text.split(separator: " ")
        guard parts.count == 2, parts[0] == "b" || parts[0] == "c" else { return nil }
        let numbers = parts[1].split(separator: ":").compactMap { UInt32($0) }
        guard numbers.count == 2 else { return nil }
        (self.isBlock, self.major, self.minor) = (parts[0] == "b", numbers[0], numbers[1])
    }

    var posixKind: UInt32 { self.isBlock ? 0o060000 : 0o020000 }

    package var number: UInt64 {
        let (major, minor) = (UInt64(self.major), UInt64(self.minor))
        return (major & 0xFFF) << 8 | (major & ~0xFFF) << 32 | minor & 0xFF | (minor & ~0xFF) << 12
    }
}
