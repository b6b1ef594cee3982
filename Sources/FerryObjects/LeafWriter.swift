import FerryChunking

/// Collects entries of a directory into one node.
struct LeafWriter {
    private var refs = RefTable()
    private var accounts: [EntryAccount] = []
    private var places: [EntryAccount: Int] = [:]
    private var accountBytes = ByteWriter()
    private var entryBytes = ByteWriter()
    private(set) var count = 0

    /// At most so many bytes has the encoded node.
    var length: Int {
        self.refs.refs.count * (1 + ChunkID.length) + self.accountBytes.bytes.count + self.entryBytes.bytes.count + 32
    }

    var node: Node {
        var writer = ByteWriter()
        writer.fixed(NodeForm.directory.rawValue)
        writer.varint(self.accounts.count)
        writer.raw(self.accountBytes.bytes)
        writer.varint(self.count)
        writer.raw(self.entryBytes.bytes)
        return Node(refs: self.refs.refs, content: writer.bytes)
    }

    mutating func append(_ entry: Entry) {
        self.count += 1
        self.entryBytes.counted(entry.name)
        self.entryBytes.varint(UInt64(entry.mode))
        self.entryBytes.signed(entry.seconds)
        self.entryBytes.varint(UInt64(entry.nanoseconds))
        self.cite(entry.user)
        self.cite(entry.group)
        self.entryBytes.varint(entry.isIncomplete ? 1 : 0)
        self.entryBytes.varint(entry.attributes.count)
        for attribute in entry.attributes {
            self.entryBytes.counted(attribute.name)
            self.entryBytes.counted(attribute.value)
        }
        if !entry.attributes.isEmpty {
            self.entryBytes.varint(entry.accounts.count)
            for account in entry.accounts { self.cite(account) }
        }
        self.append(entry.content)
    }

    private mutating func cite(_ account: EntryAccount?) {
        guard let account else { return self.entryBytes.varint(0) }
        if self.places[account] == nil {
            self.accounts.append(account)
            self.places[account] = self.accounts.count
            self.accountBytes.varint(account.isGroup ? 1 : 0)
            self.accountBytes.varint(UInt64(account.id))
            self.accountBytes.counted(account.name)
        }
        self.entryBytes.varint(self.places[account] ?? 0)
    }

    private mutating func append(_ content: Entry.Content) {
        switch content {
        case .segments(let segments):
            self.form(.segments)
            self.entryBytes.varint(segments.count)
            for segment in segments { SegmentCoding.write(segment, &self.entryBytes, &self.refs) }
        case .recipe(let id, let size):
            self.form(.recipe)
            self.entryBytes.varint(self.refs.cite(ObjectKey(.node, id)))
            self.entryBytes.varint(size)
        case .directory(let id):
            self.form(.directory)
            self.entryBytes.varint(self.refs.cite(ObjectKey(.node, id)))
        case .link(let target):
            self.form(.link)
            self.entryBytes.counted(target)
        case .special(let device):
            self.form(.special)
            self.entryBytes.varint(device)
        case .furtherName(let first):
            self.form(.furtherName)
            self.entryBytes.counted(first)
        }
    }

    private mutating func form(_ form: EntryForm) { self.entryBytes.fixed(form.rawValue) }
}
