import FerryErrors
import FerryTransport
import FoundationEssentials

/// The JSON form of a ``ServerBook``: `{"servers": {NAME: {…}}, "version": 1}`.
enum ServerBookFile {
    /// Bytes: thousands of servers.
    static let maximumLength = 1 << 20
    private static let version = 1

    private struct Book: Codable {
        var version: Int
        var servers: [String: Server]
    }

    private struct Version: Decodable {
        var version: Int
    }

    private struct Server: Codable {
        var host: String
        var port: Int
        var user: String
        var secret: String
        var fingerprint: String
    }

    static func encode(_ entries: [ServerEntry]) throws(FerryError) -> [UInt8] {
        let servers = entries.map { entry in
            let server = Server(
                host: entry.host,
                port: entry.port,
                user: entry.user,
                secret: entry.secret,
                fingerprint: entry.fingerprint.description
            )
            return (entry.name, server)
        }
        let book = Book(version: self.version, servers: Dictionary(uniqueKeysWithValues: servers))
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        do { return Array(try encoder.encode(book)) + [UInt8(ascii: "\n")] } catch {
            throw FerryError(.internalError, "cannot write the list of servers", cause: error)
        }
    }

    /// Decodes a book, in order of the names; every entry is held to the rules of a login link.
    static func decode(_ bytes: [UInt8], path: String) throws(FerryError) -> [ServerEntry] {
        let decoder = JSONDecoder()
        let book: Book
        do {
            // The version first: the rest may look different in a newer one.
            let version = try decoder.decode(Version.self, from: Data(bytes)).version
            guard version <= self.version else {
                throw FerryError(
                    .newerState,
                    "\(Escaping.escape(path)) was written by a newer ferry",
                    remedy: "update this one, or set FERRY_CONFIG_DIR to another directory"
                )
            }
            book = try decoder.decode(Book.self, from: Data(bytes))
        } catch let error as FerryError {
            throw error
        } catch {
            throw self.damaged(path, "it is not the JSON that ferry writes", error)
        }
        var entries: [ServerEntry] = []
        for (name, server) in book.servers.sorted(by: { $0.key < $1.key }) {
            do {
                let link = try LoginLink(
                    user: server.user,
                    secret: server.secret,
                    host: server.host,
                    port: server.port,
                    pin: Fingerprint(server.fingerprint)
                )
                entries.append(try ServerEntry(name: name, link: link))
            } catch {
                throw self.damaged(path, "the entry `\(Escaping.escape(String(name.prefix(80))))` is not valid", error)
            }
        }
        return entries
    }

    private static func damaged(_ path: String, _ reason: String, _ cause: any Error) -> FerryError {
        FerryError(
            .configuration,
            "\(Escaping.escape(path)) is damaged: \(reason)",
            remedy: "remove it and log in again",
            cause: cause
        )
    }
}
