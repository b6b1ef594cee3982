import ArgumentParser
import FerryCatalog
import FerryErrors
import FerryFiles
import FerryServer
import FerryTransport
import FerryWire
import FoundationEssentials

/// Where a login link leads; shared by the commands that print one.
struct LinkOptions: ParsableArguments {
    @Option(help: "Host name or address by which clients reach this daemon; by default this machine's name.")
    var host: String?

    @Option(help: "Port by which clients reach this daemon; by default the one it listens on, or is configured to.")
    var port: Int?

    /// The place that a link will name, checked before anything is changed.
    struct Place: Sendable {
        let host: String
        let port: Int
    }

    /// Finds and checks host and port.
    ///
    /// - Throws: `.usage` if they do not make a link.
    func place(_ state: StateOptions, user: Name) async throws -> Place {
        let host = try self.host ?? Self.machine()
        // Before anything is asked or made: a state directory comes into being with the first question.
        let port = self.port ?? WireConstants.defaultPort
        do {
            _ = try LoginLink(
                user: user.text,
                secret: "probe",
                host: host,
                port: port,
                pin: Fingerprint(certificate: [])
            )
        } catch {
            throw FerryError(
                .usage,
                "no login link can be made for the host \(Escaping.escape(host)) and the port \(port)",
                remedy: "give those by which clients reach this daemon with --host and --port",
                cause: error
            )
        }
        if let port = self.port { return Place(host: host, port: port) }
        return Place(host: host, port: try await Self.usualPort(state))
    }

    /// Prints the link, alone, on standard output, and what to do with it on standard error.
    ///
    /// - Throws: What standard output says.
    func show(_ token: IssuedToken, of user: Name, fingerprint: String, at place: Place) throws {
        let link = try LoginLink(
            user: user.text,
            secret: token.secret,
            host: place.host,
            port: place.port,
            pin: try Fingerprint(fingerprint)
        )
        do { try AdminOutput.write(link.text) } catch {
            var error = FerryError.shaping(error)
            error.remedy = "the token was made, and its link is lost: ferryd token remove \(user) \(token.id)"
            throw error
        }
        StandardError.write(
            "ferryd: this link logs \(user) in and is not shown again: ferry login < FILE-WITH-THE-LINK"
        )
        if self.host == nil {
            StandardError.write(
                "ferryd: it leads to \(Escaping.escape(place.host)); if clients need another name, use --host"
            )
        }
    }

    private static func machine() throws -> String {
        let bytes = try Directories.readFile("/proc/sys/kernel/hostname", limit: 256)
        return String(decoding: bytes.prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self)
    }

    /// The first port with TLS that the running daemon listens on; without one, that the configuration names, unless the
    /// system chooses it.
    private static func usualPort(_ state: StateOptions) async throws -> Int {
        // Why there is no answer, the request that follows will say, unless it needs none.
        if case .status(let status)? = try? await state.perform(.status), let port = status.port { return port }
        let environment = ProcessInfo.processInfo.environment
        let paths = StatePaths(root: try state.path(environment: environment))
        let loaded = try DaemonSettings.load(file: nil, state: paths, environment: environment)
        for case .internet(_, let port) in loaded.settings.listen where port != 0 { return port }
        return WireConstants.defaultPort
    }
}
