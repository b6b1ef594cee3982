/// What a daemon keeps beside a file because it does not set it: who owns the file, the bits that make a program run as
/// somebody else, what a device node is, and attributes that only an administrator may set. It is read back by a pull.
///
/// Kept in extended attributes of the file (Docs/operation.md):
///
///     user.ferry.owner      UID:GID:USER:GROUP, names empty where there were none
///     user.ferry.mode       permission bits with setuid, setgid and sticky, octal
///     user.ferry.node       c or b, MAJOR:MINOR; the file itself is empty
///     user.ferry.kept.NAME  the attribute NAME
package enum KeptMetadata {
    private static let prefix = Array("user.ferry.".utf8)
    static let owner = Array("user.ferry.owner".utf8)
    private static let mode = Array("user.ferry.mode".utf8)
    private static let node = Array("user.ferry.node".utf8)
    private static let attributePrefix = Array("user.ferry.kept.".utf8)

    /// Whether an attribute is one of these: none travels as it is.
    package static func isOwn(_ name: [UInt8]) -> Bool { name.starts(with: self.prefix) }

    static func isAttribute(_ name: [UInt8]) -> Bool { name.starts(with: self.attributePrefix) }

    static func keeping(user: Account, group: Account) -> ExtendedAttribute {
        let colon = [UInt8(ascii: ":")]
        let names = [user, group].map { Accounts.isName($0.name) ? $0.name : [] }
        let numbers = Array("\(user.id):\(group.id)".utf8)
        return ExtendedAttribute(name: self.owner, value: numbers + colon + names[0] + colon + names[1])
    }

    static func keeping(mode: UInt32) -> ExtendedAttribute {
        ExtendedAttribute(name: self.mode, value: Array(String(mode & 0o7777, radix: 8).utf8))
    }

    package static func keeping(_ node: DeviceNode) -> ExtendedAttribute {
        ExtendedAttribute(
            name: self.node,
            value: Array("\(node.isBlock ? "b" : "c") \(node.major):\(node.minor)".utf8)
        )
    }

    static func keeping(_ attribute: ExtendedAttribute) -> ExtendedAttribute {
        ExtendedAttribute(name: self.attributePrefix + attribute.name, value: attribute.value)
    }

    /// Takes what is kept beside a file for the file's own. What cannot be read counts for nothing.
    ///
    /// - Parameters:
    ///   - attribute: one of these.
    ///   - told: what is told of the file.
    package static func restore(_ attribute: ExtendedAttribute, to told: inout ToldMetadata) {
        if self.isAttribute(attribute.name) {
            let name = Array(attribute.name.dropFirst(self.attributePrefix.count))
            if ExtendedAttribute.isPrivileged(name) {
                told.attributes.append(ExtendedAttribute(name: name, value: attribute.value))
            }
            return
        }
        let text = String(decoding: attribute.value, as: UTF8.self)
        if attribute.name == self.mode, let mode = UInt32(text, radix: 8), mode <= 0o7777 {
            told.posixMode = told.posixMode & ~0o7777 | mode
        } else if attribute.name == self.node, let node = DeviceNode(text) {
            told.posixMode = told.posixMode & 0o7777 | node.posixKind
            told.device = node.number
        } else if attribute.name == self.owner {
            let parts = attribute.value.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false)
            guard parts.count == 4, told.user != nil, let user = UInt32(String(decoding: parts[0], as: UTF8.self)),
                let group = UInt32(String(decoding: parts[1], as: UTF8.self))
            else { return }
            told.user = Account(id: user, name: Array(parts[2]), isGroup: false)
            told.group = Account(id: group, name: Array(parts[3]), isGroup: true)
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
