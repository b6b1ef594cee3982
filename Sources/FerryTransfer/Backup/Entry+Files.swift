import FerryFiles
import FerryObjects

extension Entry {
    /// What a snapshot holds of something in a tree.
    ///
    /// - Parameters:
    ///   - entry: as the walk found it.
    ///   - told: what it has besides its content.
    ///   - content: what belongs to its kind.
    init(_ entry: TreeEntry, _ told: ToldMetadata, _ content: Content) {
        self.init(
            name: entry.name,
            mode: told.posixMode,
            seconds: entry.info.modified.seconds,
            nanoseconds: entry.info.modified.nanoseconds,
            content: content
        )
        self.user = told.user.map(EntryAccount.init)
        self.group = told.group.map(EntryAccount.init)
        self.attributes = told.attributes.map { EntryAttribute(name: $0.name, value: $0.value) }
        self.accounts = told.accounts.map(EntryAccount.init)
    }

    /// What a receiver of the tree is told of it.
    var told: ToldMetadata {
        var told = ToldMetadata(posixMode: self.mode)
        told.user = self.user.map(Account.init)
        told.group = self.group.map(Account.init)
        told.attributes = self.attributes.map { ExtendedAttribute(name: $0.name, value: $0.value) }
        told.accounts = self.accounts.map(Account.init)
        if case .special(let device) = self.content { told.device = device }
        return told
    }
}

extension EntryAccount {
    fileprivate init(_ account: Account) {
        self.init(id: account.id, name: account.name, isGroup: account.isGroup)
    }
}

extension Account {
    fileprivate init(_ account: EntryAccount) {
        self.init(id: account.id, name: account.name, isGroup: account.isGroup)
    }
}
