package import FerryClient
import FerryErrors
package import FerryTransport

/// What `ferry login` does once it has the link.
package struct AccountLogin: Sendable {
    private let path: String
    private let check: @Sendable (Login) async throws -> Void

    /// What was remembered.
    package struct Result: Sendable, Equatable {
        package let entry: ServerEntry
        /// What it replaced, if the name was taken.
        package let replaced: ServerEntry?

        /// One line for the user.
        package var summary: String {
            let verb = self.replaced == nil ? "remembered" : "replaced"
            return "\(verb) \(self.entry)"
        }
    }

    /// - Parameters:
    ///   - path: of the book of servers.
    ///   - check: connects and logs in, and throws if that does not work.
    package init(path: String, check: @escaping @Sendable (Login) async throws -> Void) {
        self.path = path
        self.check = check
    }

    /// Checks a link and remembers it.
    ///
    /// - Parameters:
    ///   - link: the link.
    ///   - name: what to call the server, or nil to take it from the host.
    /// - Returns: what was remembered.
    /// - Throws: `.usage` if there is no name or it is not allowed, what the check throws, and what changing the book
    ///   throws; then nothing was changed.
    package func remember(_ link: LoginLink, as name: String?) async throws -> Result {
        guard let name = name ?? ServerEntry.defaultName(for: link.host) else {
            throw FerryError(.usage, "the server's host makes no short name", remedy: "choose one with --name")
        }
        let entry = try ServerEntry(name: name, link: link)
        // A file that cannot be written is found before the server is asked.
        _ = try ServerBook.load(self.path)
        try await self.check(entry.login)
        let replaced = try ServerBook.update(self.path) { book in book.put(entry) }
        return Result(entry: entry, replaced: replaced)
    }
}
