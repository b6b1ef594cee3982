package import ArgumentParser
package import FerryClient
import FerryErrors
import FoundationEssentials

/// `ferry logout`.
package struct LogoutCommand: ParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "logout",
        abstract: "Forget a server and its token.",
        discussion: """
            The token stays valid on the server until it is removed there with `ferryd token remove`. The server is not \
            contacted.
            """
    )

    @Argument(help: "The server's name, as `ferry servers` lists it.")
    var name: String

    package init() {}

    package func run() throws {
        let path = try ServerBook.path(environment: ProcessInfo.processInfo.environment)
        let entry = try AccountLogout.forget(self.name, path: path)
        try StandardOutput.write(line: "forgot \(entry)")
    }
}

/// What `ferry logout` does.
package enum AccountLogout {
    /// Removes an entry from the book.
    ///
    /// - Parameters:
    ///   - name: of the server.
    ///   - path: of the book.
    /// - Returns: the entry.
    /// - Throws: `.usage` if there is none of that name, and what changing the book throws.
    package static func forget(_ name: String, path: String) throws -> ServerEntry {
        // A typo makes no directory.
        _ = try ServerBook.load(path).find(name)
        return try ServerBook.update(path) { book throws(FerryError) in try book.remove(name) }
    }
}
