package import ArgumentParser
package import FerryClient
import FerryTransport
import FoundationEssentials

/// `ferry servers`.
package struct ServersCommand: ParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "servers",
        abstract: "List the servers that `ferry login` remembered.",
        discussion: "Shows name, user, address and pinned fingerprint; never the token."
    )

    @Flag(help: "Print one JSON object on one line.")
    var json = false

    package init() {}

    package func run() throws {
        let path = try ServerBook.path(environment: ProcessInfo.processInfo.environment)
        let book = try ServerBook.load(path)
        if self.json {
            try StandardOutput.write(line: ServerList.json(book))
        } else if book.entries.isEmpty {
            StandardError.write("no servers yet; `ferry login` adds one")
        } else {
            for line in ServerList.lines(book) { try StandardOutput.write(line: line) }
        }
    }
}

/// How a book of servers is shown; the secrets are left out.
package enum ServerList {
    /// Columns: name, user, address, fingerprint.
    ///
    /// - Parameter book: the servers.
    /// - Returns: a line each.
    package static func lines(_ book: ServerBook) -> [String] {
        let rows = book.entries.map { [$0.name, $0.user, $0.login.address] }
        let widths = (0..<3).map { column in rows.map { $0[column].count }.max() ?? 0 }
        return zip(rows, book.entries).map { row, entry in
            let cells = zip(row, widths).map { $0.padding(toLength: $1) }
            return (cells + [entry.fingerprint.description]).joined(separator: "  ")
        }
    }

    /// `{"servers":[{"fingerprint":…,"host":…,"name":…,"port":…,"user":…}]}`.
    ///
    /// - Parameter book: the servers.
    /// - Returns: one line.
    package static func json(_ book: ServerBook) -> String {
        let servers = book.entries.map { entry in
            Server(
                fingerprint: entry.fingerprint.description,
                host: entry.host,
                name: entry.name,
                port: entry.port,
                user: entry.user
            )
        }
        return JSONLine.encode(["servers": servers])
    }

    private struct Server: Encodable {
        let fingerprint: String
        let host: String
        let name: String
        let port: Int
        let user: String
    }
}

extension String {
    fileprivate func padding(toLength length: Int) -> String {
        self + String(repeating: " ", count: Swift.max(0, length - self.count))
    }
}
