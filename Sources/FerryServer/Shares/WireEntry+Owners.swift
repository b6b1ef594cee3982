import FerryFiles
import FerryObjects
import FerryTransfer
import FerryWire
import FoundationEssentials

extension WireEntry {
    /// What is in a share.
    ///
    /// - Parameters:
    ///   - name: its own.
    ///   - info: its status.
    ///   - accounts: know the names of users and groups.
    init(name: [UInt8], info: FileInfo, _ accounts: Accounts) {
        self.init(name: name, info: info)
        self.user = WireAccount(accounts.account(info.owner, isGroup: false))
        self.group = WireAccount(accounts.account(info.group, isGroup: true))
    }

    /// What is in a snapshot.
    ///
    /// - Parameters:
    ///   - name: its own, or none where it is told with its path.
    ///   - entry: it, and no further name.
    init(name: [UInt8] = [], entry: Entry) {
        self.init(name: name, info: entry.info)
        if let user = entry.user { self.user = WireAccount(Account(id: user.id, name: user.name, isGroup: false)) }
        if let group = entry.group { self.group = WireAccount(Account(id: group.id, name: group.name, isGroup: true)) }
        if case .link(let text) = entry.content { self.target = Data(text.prefix(WireConstants.linkText)) }
    }

    /// Bytes of what is told besides its name and numbers.
    var told: Int { self.target.count + self.user.name.count + self.group.name.count }
}

extension WireAccount {
    fileprivate init(_ account: Account) {
        self.init()
        self.id = account.id
        // No system's names are so long; a snapshot's may be anything.
        self.name = Data(account.name.prefix(WireConstants.accountName))
        self.isGroup = account.isGroup
    }
}
