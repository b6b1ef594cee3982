import FerryErrors

/// What comes alone in a tree: the top, the one thing that was asked for, which gets its name from this side, and the end.
struct SingleItem {
    private let name: [UInt8]
    /// Items so far.
    private var count = 0

    init(name: [UInt8]) { self.name = name }

    /// Checks the next items.
    ///
    /// - Returns: the same, the one thing under its name here.
    /// - Throws: `.violation` for anything else than one thing that is no directory.
    mutating func take(_ items: [TreeItem]) throws(FerryError) -> [TreeItem] {
        var named: [TreeItem] = []
        for item in items {
            self.count += 1
            switch (self.count, item.kind) {
            case (1, .directory), (3, .end): named.append(item)
            case (2, .file), (2, .symlink), (2, .special):
                guard item.firstName.isEmpty, !item.isLeftOut else { throw Self.violation }
                named.append(item.renamed(to: self.name))
            default: throw Self.violation
            }
        }
        return named
    }

    private static var violation: FerryError {
        FerryError(.violation, "the daemon told something else than the one thing that was asked for")
    }
}
