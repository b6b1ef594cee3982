import ArgumentParser
import FerryClient
import FerryErrors
import FerryWire
import Synchronization

/// `ferry ls`.
struct ListCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ls",
        abstract: "List a directory of a share or of a snapshot, or the shares and repositories.",
        discussion: """
            Names are escaped: a backslash is shown as \\\\, control characters and bytes that are not UTF-8 as \\xNN. Up to \
            100,000 entries are sorted by name; larger directories come in the file system's order. Times are UTC.

            Examples:
              ferry ls nas:                 the shares and repositories
              ferry ls -l nas:inbox/2026
              ferry ls nas:laptops@latest/etc
            """
    )

    @Flag(name: .shortAndLong, help: "Also show mode, owner, size in bytes and time, and what links say.")
    var long = false

    @OptionGroup var output: OutputOptions

    @Argument(help: ArgumentHelp("A directory, a file, or `SERVER:` for the shares.", valueName: "path"))
    var operand: String

    func run() async throws {
        try await self.output.running {
            let (server, path) = try Self.parse(self.operand)
            return try await Servers.with(self.output) { servers in
                try await self.list(path, try await servers.connection(to: server))
                return .done
            }
        }
    }

    private func list(_ path: RemotePath?, _ connection: ClientConnection) async throws {
        let listing = Mutex(SortedEntries())
        let write = self.writer
        do {
            try await connection.list(path) { batch throws(FerryError) in
                try listing.withLock { listing throws(FerryError) in try listing.add(batch, write: write) }
            }
            try listing.withLock { listing throws(FerryError) in try listing.finish(write: write) }
        } catch let error as FerryError where error.code == .notADirectory && error.origin == .remote {
            // A file lists itself, as with ls.
            guard let path, !path.isDirectory else { throw error }
            try write(try await connection.stat(path))
        }
    }

    private var writer: @Sendable (WireEntry) throws(FerryError) -> Void {
        let (isJSON, isLong) = (self.output.json, self.long)
        return { entry throws(FerryError) in
            let text = EntryText(entry)
            try StandardOutput.write(line: isJSON ? text.json() : isLong ? text.long : text.short)
        }
    }

    /// `SERVER:` alone means the shares.
    private static func parse(_ text: String) throws(FerryError) -> (server: String, path: RemotePath?) {
        if text.hasSuffix(":"), !text.dropLast().contains(where: { $0 == "/" || $0 == ":" }) {
            let server = String(text.dropLast())
            try ServerEntry.checkName(server)
            return (server, nil)
        }
        let path = try Operand.remote(text)
        return (path.server, path)
    }
}
