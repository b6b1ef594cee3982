import CLinux
import Glibc

// Owners and extended attributes. An empty name means the open file itself.
extension SystemCalls {
    /// Names of all attributes, each without its NUL; none where the file system has none.
    func attributeNames(_ directory: Int32, _ name: [CChar]) throws(Errno) -> [[UInt8]] {
        var list = [UInt8](repeating: 0, count: 512)
        do throws(Errno) {
            var count: Int
            do throws(Errno) { count = try self.list(directory, name, &list) } catch {
                guard error.code == ERANGE else { throw error }
                // XATTR_LIST_MAX.
                list = [UInt8](repeating: 0, count: 64 << 10)
                count = try self.list(directory, name, &list)
            }
            return count == 0 ? [] : list[..<count].split(separator: 0).map(Array.init)
        } catch {
            if error.code == EOPNOTSUPP { return [] }
            throw error
        }
    }

    private func list(_ directory: Int32, _ name: [CChar], _ list: inout [UInt8]) throws(Errno) -> Int {
        try self.attempt(.listxattr, directory) { _ in
            var span = list.mutableSpan
            // SAFETY: the name ends with NUL; the call writes no more than the count.
            return unsafe span.withUnsafeMutableBytes { bytes in
                unsafe ferry_listxattr(
                    directory,
                    name,
                    bytes.baseAddress?.assumingMemoryBound(to: CChar.self),
                    bytes.count
                )
            }
        }
    }

    /// The value of an attribute; nil if there is none (any more).
    func attribute(_ directory: Int32, _ name: [CChar], _ attribute: [UInt8]) throws(Errno) -> [UInt8]? {
        var value = [UInt8](repeating: 0, count: 256)
        do throws(Errno) {
            var count: Int
            do throws(Errno) { count = try self.get(directory, name, attribute, &value) } catch {
                guard error.code == ERANGE else { throw error }
                // XATTR_SIZE_MAX.
                value = [UInt8](repeating: 0, count: 64 << 10)
                count = try self.get(directory, name, attribute, &value)
            }
            return Array(value.prefix(count))
        } catch {
            if error.code == ENODATA || error.code == EOPNOTSUPP { return nil }
            throw error
        }
    }

    private func get(
        _ directory: Int32,
        _ name: [CChar],
        _ attribute: [UInt8],
        _ value: inout [UInt8]
    ) throws(Errno) -> Int {
        let attribute = CString.make(attribute)
        return try self.attempt(.getxattr, directory) { _ in
            var span = value.mutableSpan
            // SAFETY: both names end with NUL; the call writes no more than the count.
            return unsafe span.withUnsafeMutableBytes { bytes in
                unsafe ferry_getxattr(directory, name, attribute, bytes.baseAddress, bytes.count)
            }
        }
    }

    func setAttribute(_ directory: Int32, _ name: [CChar], _ attribute: ExtendedAttribute) throws(Errno) {
        let label = CString.make(attribute.name)
        _ = try self.attempt(.setxattr, directory) { _ in
            // SAFETY: both names end with NUL; the call reads as many bytes as there are.
            unsafe attribute.value.span.withUnsafeBytes { bytes in
                unsafe Int(ferry_setxattr(directory, name, label, bytes.baseAddress, bytes.count))
            }
        }
    }

    /// Removes an attribute; that there is none is no failure.
    func removeAttribute(_ directory: Int32, _ name: [CChar], _ attribute: [UInt8]) throws(Errno) {
        let label = CString.make(attribute)
        do throws(Errno) {
            // SAFETY: both names end with NUL.
            _ = try self.attempt(.removexattr, directory) { _ in
                unsafe Int(ferry_removexattr(directory, name, label))
            }
        } catch {
            if error.code != ENODATA { throw error }
        }
    }

    /// Gives a file, or a link itself, away.
    func chown(_ directory: Int32, _ name: [CChar], to owner: Owner) throws(Errno) {
        // SAFETY: the name ends with NUL.
        _ = try self.attempt(.fchownat, directory) { _ in
            unsafe Self.result(
                Glibc.fchownat(directory, name, owner.user, owner.group, AT_SYMLINK_NOFOLLOW | ferry_at_empty_path)
            )
        }
    }

    /// Makes a FIFO or a device node.
    func mknodat(_ directory: Int32, _ name: [CChar], kind: UInt32, device: UInt64) throws(Errno) {
        // SAFETY: the name ends with NUL.
        _ = try self.attempt(.mknodat, directory) { _ in
            unsafe Self.result(Glibc.mknodat(directory, name, mode_t(kind | 0o600), dev_t(device)))
        }
    }
}
