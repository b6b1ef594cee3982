import ArgumentParser
import CLinux
import FerryErrors
import FerryFiles
import FerryServer
import FoundationEssentials
import Glibc
import Logging

/// `ferryd serve`.
struct ServeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve",
        abstract: "Serve shares until told to stop (SIGTERM or Ctrl-C).",
        discussion: """
            Needs no configuration: the state directory is made at the first start, with a certificate of its own. \
            Settings come from flags, the environment, the file, and defaults, in this order; SIGHUP, or 'ferryd reload', has \
            them read again.
            """
    )

    @OptionGroup var state: StateOptions

    @Option(help: "Address to serve with TLS: HOST:PORT, [IPV6]:PORT or unix:/PATH; may be repeated.")
    var listen: [String] = []

    @Option(help: "Loopback address to serve without TLS; may be repeated.")
    var listenPlain: [String] = []

    @Option(help: "Configuration file; ferryd.yaml in the state directory if it is there.")
    var config: String?

    @Option(help: "trace, debug, info, notice, warning, error or critical.")
    var logLevel: String?

    @Option(help: "text or json.")
    var logFormat: String?

    func run() async throws {
        let environment = ProcessInfo.processInfo.environment
        let path = try self.state.path(environment: environment)
        let (file, flags) = (self.config, self.flags)
        let load: @Sendable (StatePaths) throws -> Settings = { paths in
            let loaded = try DaemonSettings.load(file: file, state: paths, environment: environment, flags: flags)
            try DaemonSettings.checkCertificate(loaded)
            return loaded.settings
        }
        // Before the directory is made: what is wrong with the settings leaves nothing behind.
        let settings = try load(StatePaths(root: path))
        // Commands hold the lock for moments.
        let state = try StateDirectory(path, patience: 2000)
        let paths = state.paths
        let read: @Sendable () throws -> Settings = { try load(paths) }
        let style = LogStyle(settings.log)
        let log = DaemonLog.make(style)
        signal(SIGPIPE, SIG_IGN)
        ferry_raise_file_limit()
        let daemon = Daemon(
            settings: settings,
            source: ConfigurationSource(read: read, style: style),
            state: state,
            agent: "ferryd/\(Version.number)",
            version: Version.text,
            environment: environment,
            log: log
        )
        try await daemon.serve()
    }

    private var flags: [LoadedSettings.Flag] {
        var flags: [LoadedSettings.Flag] = []
        if !self.listen.isEmpty { flags.append(.init("--listen", path: "listen", texts: self.listen)) }
        if !self.listenPlain.isEmpty {
            flags.append(.init("--listen-plain", path: "listen_plain", texts: self.listenPlain))
        }
        if let level = self.logLevel { flags.append(.init("--log-level", path: "log.level", texts: [level])) }
        if let format = self.logFormat { flags.append(.init("--log-format", path: "log.format", texts: [format])) }
        return flags
    }
}
