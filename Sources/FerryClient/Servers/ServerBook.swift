package import FerryErrors
import FerryFiles
import FerryTransport

/// The servers that a user has logged in to, kept in one file of mode 0600.
package struct ServerBook: Sendable {
    /// In order of their names.
    package private(set) var entries: [ServerEntry] = []

    package init() {}

    /// Where the book is: `$FERRY_CONFIG_DIR`, else `$XDG_CONFIG_HOME/ferry`, else `~/.config/ferry`, and there
    /// `servers.json`.
    ///
    /// - Parameter environment: the process's; empty variables count as not set.
    /// - Returns: the file's path; whether it exists is not looked at.
    /// - Throws: `.configuration` if nothing says where.
    package static func path(environment: [String: String]) throws(FerryError) -> String {
        if let directory = UserDirectory.config.path(environment: environment) { return directory + "/servers.json" }
        throw FerryError(
            .configuration,
            "nothing says where the list of servers is: HOME is not set",
            remedy: "set FERRY_CONFIG_DIR to a directory"
        )
    }

    /// Reads the book.
    ///
    /// - Parameter path: from ``path(environment:)``.
    /// - Returns: an empty one if there is no file.
    /// - Throws: `.permission` if others may read the file, `.configuration` if it is damaged, `.newerState` if a later
    ///   version wrote it.
    package static func load(_ path: String) throws(FerryError) -> ServerBook {
        let bytes: [UInt8]
        do throws(FerryError) {
            bytes = try PrivateFile.read(path, limit: ServerBookFile.maximumLength)
        } catch  where error.code == .notFound {
            return ServerBook()
        }
        var book = ServerBook()
        book.entries = try ServerBookFile.decode(bytes, path: path)
        return book
    }

    /// How long another program that changes it is waited for, in milliseconds: that takes a few.
    private static let patience = 2_000

    /// Reads the book, changes it and writes it back, durably, atomically and with mode 0600. Makes its directory.
    ///
    /// - Parameters:
    ///   - path: from ``path(environment:)``.
    ///   - change: what to change; if it throws, nothing is written.
    /// - Returns: what `change` returns.
    /// - Throws: `.busy` if another program keeps changing it, what ``load(_:)`` throws, and errors of writing.
    package static func update<Result>(
        _ path: String,
        _ change: (inout ServerBook) throws(FerryError) -> Result
    ) throws(FerryError) -> Result {
        let directory = String(path.prefix(upTo: path.lastIndex(of: "/") ?? path.startIndex))
        try Directories.makePrivate(directory)
        let lock: DirectoryLock
        do throws(FerryError) { lock = try DirectoryLock(directory, patience: Self.patience) } catch
            where error.code == .locked
        {
            throw FerryError(
                .busy,
                "another ferry is changing \(Escaping.escape(path)) right now",
                remedy: "try again",
                cause: error
            )
        }
        defer { withExtendedLifetime(lock) {} }
        var book = try Self.load(path)
        let result = try change(&book)
        try PrivateFile.write(path, ServerBookFile.encode(book.entries))
        return result
    }

    /// Adds an entry, or replaces the one of its name.
    ///
    /// - Parameter entry: the entry.
    /// - Returns: the entry that it replaced.
    package mutating func put(_ entry: ServerEntry) -> ServerEntry? {
        let old = self.entries.first { $0.name == entry.name }
        self.entries.removeAll { $0.name == entry.name }
        self.entries.append(entry)
        self.entries.sort { $0.name < $1.name }
        return old
    }

    /// Removes an entry.
    ///
    /// - Parameter name: its name.
    /// - Returns: the entry.
    /// - Throws: as ``find(_:)`` does.
    package mutating func remove(_ name: String) throws(FerryError) -> ServerEntry {
        let entry = try self.find(name)
        self.entries.removeAll { $0.name == name }
        return entry
    }

    /// Looks up a name.
    ///
    /// - Parameter name: as a user wrote it.
    /// - Returns: the entry.
    /// - Throws: `.usage` if there is none, suggesting the name that was probably meant.
    package func find(_ name: String) throws(FerryError) -> ServerEntry {
        if let entry = self.entries.first(where: { $0.name == name }) { return entry }
        let names = self.entries.map(\.name)
        let remedy =
            if let near = Suggestion.nearest(to: name, among: names) {
                "did you mean `\(near)`?"
            } else if names.isEmpty {
                "run `ferry login` first"
            } else {
                "`ferry servers` lists them; a local file whose name holds a `:` is written `./NAME`"
            }
        throw FerryError(.usage, "no server is called `\(Escaping.escape(String(name.prefix(80))))`", remedy: remedy)
    }
}
