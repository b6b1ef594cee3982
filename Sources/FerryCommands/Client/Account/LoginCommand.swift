package import ArgumentParser
import FerryClient
import FerryErrors
import FerryTransport
import FoundationEssentials

/// `ferry login`.
package struct LoginCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "login",
        abstract: "Remember a server under a short name.",
        discussion: """
            Takes the login link that `ferryd user add` or `ferryd token add` printed: from standard input, from a file, \
            or typed in, but never from the command line, where other users could read it. The server's certificate is \
            pinned to what the link says. Logging in again under the same name replaces what was remembered: after a \
            server was moved or got a new certificate, do that with a new link.

            Examples:
              ferry login --name nas < link
              ferryd user add alice --grant inbox=read,write --host nas.example.org | ferry login
            """
    )

    @Option(help: "What to call the server; the first label of its host name if left out.")
    var name: String?

    @Option(help: "File that holds the link.")
    var linkFile: String?

    @Flag(inversion: .prefixedNo, help: "Connect and log in once before remembering.")
    var check = true

    @Argument(help: .hidden)
    var misplaced: [String] = []

    package init() {}

    package func run() async throws {
        guard self.misplaced.isEmpty else {
            // Not quoted: it may be the link.
            throw FerryError(
                .usage,
                "`ferry login` takes no link on the command line, where other users of this machine could read it",
                remedy: "run `ferry login` and paste the link, or put it into a file and use `< FILE`"
            )
        }
        let isChecked = self.check
        let login = AccountLogin(path: try ServerBook.path(environment: ProcessInfo.processInfo.environment)) { login in
            if isChecked { try await LoginCheck.run(login) }
        }
        let result = try await login.remember(LoginLink(LinkInput.read(file: self.linkFile)), as: self.name)
        try StandardOutput.write(line: result.summary)
    }
}
