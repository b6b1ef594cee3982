/// A POSIX ACL as Linux keeps it in an extended attribute (include/uapi/linux/posix_acl_xattr.h): 4 bytes of version, 2, then
/// 8 for each entry, all little endian: a tag and permissions of 2 bytes each, and the id of a user or group.
package enum AccessControlList {
    private static let version: [UInt8] = [2, 0, 0, 0]
    private static let user: UInt16 = 0x02
    private static let group: UInt16 = 0x08

    /// Replaces the numbers of users and groups.
    ///
    /// - Parameters:
    ///   - value: of the attribute.
    ///   - change: gets a number and whether it is a group's.
    /// - Returns: the same list with those numbers; nil if it is no list of this form.
    package static func mapping(_ value: [UInt8], _ change: (UInt32, Bool) -> UInt32) -> [UInt8]? {
        guard value.starts(with: self.version), value.count % 8 == 4 else { return nil }
        var result = value
        for start in stride(from: 4, to: value.count, by: 8) {
            let tag = UInt16(value[start]) | UInt16(value[start + 1]) << 8
            guard tag == self.user || tag == self.group else { continue }
            let id = (0..<4).reduce(UInt32(0)) { $0 | UInt32(value[start + 4 + $1]) << (8 * UInt32($1)) }
            let new = change(id, tag == self.group)
            for byte in 0..<4 { result[start + 4 + byte] = UInt8(truncatingIfNeeded: new >> (8 * UInt32(byte))) }
        }
        return result
    }
}
