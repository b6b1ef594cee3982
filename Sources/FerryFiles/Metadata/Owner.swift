import CLinux
import Glibc

/// Who owns a file, by this machine's numbers.
package struct Owner: Sendable, Hashable {
    package var user: UInt32
    package var group: UInt32

    package init(user: UInt32, group: UInt32) {
        self.user = user
        self.group = group
    }

    package init(_ info: FileInfo) { self.init(user: info.owner, group: info.group) }

    /// Whom new files of this process belong to, but for directories that hand down their groups.
    package static var ofProcess: Owner { Owner(user: geteuid(), group: getegid()) }

    /// Whether this process may give files to anybody, and go on working with them.
    package static let mayGiveAway = ferry_may_give_away() == 1
    /// Whether it may write attributes that nobody else can (`trusted.`).
    package static let mayTrust = ferry_may_trust() == 1

    /// Groups to which this process may give its own files.
    private static let groups: Set<UInt32> = {
        var groups = [gid_t](repeating: 0, count: 1 << 16)
        // SAFETY: the call writes no more numbers than the count says.
        let count = unsafe getgroups(Int32(groups.count), &groups)
        return Set(groups.prefix(max(0, Int(count)))).union([getegid()])
    }()

    /// Whether this process may give its own files to the group.
    package static func isMember(of group: UInt32) -> Bool { self.groups.contains(group) }
}

/// A user or a group as another machine knows it.
package struct Account: Sendable, Hashable {
    package let id: UInt32
    /// Empty if the number has no name there.
    package let name: [UInt8]
    package let isGroup: Bool

    package init(id: UInt32, name: [UInt8], isGroup: Bool) {
        self.id = id
        self.name = name
        self.isGroup = isGroup
    }
}

/// Names of users and groups and their numbers here, remembered: each may be a question to a server. Used by one thread.
package final class Accounts {
    /// Of each kind that are remembered.
    private static let limit = 4096
    /// What no system lets a name be longer than, in bytes.
    private static let nameLimit = 256

    private struct Key: Hashable {
        let id: UInt32
        let isGroup: Bool
    }

    private let isNumeric: Bool
    private var names: [Key: [UInt8]] = [:]
    private var ids: [Account: UInt32] = [:]

    /// - Parameter isNumeric: whether names do not count.
    package init(isNumeric: Bool = false) { self.isNumeric = isNumeric }

    /// A user or group of this machine.
    package func account(_ id: UInt32, isGroup: Bool) -> Account {
        guard !self.isNumeric else { return Account(id: id, name: [], isGroup: isGroup) }
        let key = Key(id: id, isGroup: isGroup)
        if let name = self.names[key] { return Account(id: id, name: name, isGroup: isGroup) }
        var name = [UInt8](repeating: 0, count: Self.nameLimit)
        var span = name.mutableSpan
        // SAFETY: the call writes no more than the count.
        let count = unsafe span.withUnsafeMutableBytes { bytes in
            unsafe ferry_account_name(
                id,
                isGroup ? 1 : 0,
                bytes.baseAddress?.assumingMemoryBound(to: CChar.self),
                bytes.count
            )
        }
        name = Array(name.prefix(count))
        if self.names.count >= Self.limit { self.names = [:] }
        self.names[key] = name
        return Account(id: id, name: name, isGroup: isGroup)
    }

    /// The number here of a user or group of another machine: that of its name, else its own. The administrator is the same
    /// everywhere.
    package func id(of account: Account) -> UInt32 {
        guard !self.isNumeric, account.id != 0, Self.isName(account.name) else { return account.id }
        if let id = self.ids[account] { return id }
        // SAFETY: the array ends with NUL.
        let found = unsafe ferry_account_id(CString.make(account.name), account.isGroup ? 1 : 0)
        let id = UInt32(exactly: found) ?? account.id
        if self.ids.count >= Self.limit { self.ids = [:] }
        self.ids[account] = id
        return id
    }

    /// What a peer calls a name goes to the services that know names only if it can be one.
    package static func isName(_ name: [UInt8]) -> Bool {
        (1...self.nameLimit).contains(name.count) && !name.contains { $0 < 0x20 || $0 == 0x7F }
            && !name.contains(UInt8(ascii: ":")) && !name.contains(UInt8(ascii: "/"))
    }
}
