/// A name and a value that a file has besides its content (xattr(7)); a POSIX ACL is one too.
package struct ExtendedAttribute: Sendable, Hashable {
    package let name: [UInt8]
    package var value: [UInt8]

    package init(name: [UInt8], value: [UInt8]) {
        self.name = name
        self.value = value
    }

    /// Bytes that a thing's attributes may take together, names and values: they travel in one frame with others. ext4 has
    /// room for one block of them, 4 KiB.
    package static let sizeLimit = 24 << 10
    /// Bytes of a name that Linux takes (XATTR_NAME_MAX).
    package static let nameLimit = 255

    static let access = Array("system.posix_acl_access".utf8)
    static let standard = Array("system.posix_acl_default".utf8)

    static let userPrefix = Array("user.".utf8)

    /// Whether only an administrator may set it. What else is in these name spaces belongs to the machine.
    static func isPrivileged(_ name: [UInt8]) -> Bool {
        name.elementsEqual("security.capability".utf8) || name.starts(with: "trusted.".utf8)
    }

    /// Whether it means the same on another machine.
    package static func isPortable(_ name: [UInt8]) -> Bool {
        name.starts(with: self.userPrefix) || name == self.access || name == self.standard || self.isPrivileged(name)
    }

    /// Whether it is an ACL: it says who may do what, and its ids are those of one machine.
    package var isAccessControl: Bool { self.name == Self.access || self.name == Self.standard }
}
