import FerryErrors
import FerryServer
import FoundationEssentials

extension StateOptions {
    /// Performs an admin request on the state directory, through its daemon if one runs.
    ///
    /// - Throws: What failed.
    func perform(_ request: AdminRequest) async throws -> AdminResponse {
        let environment = ProcessInfo.processInfo.environment
        let path = try self.path(environment: environment)
        let client = AdminClient(
            state: path,
            certificate: { state in
                let loaded = try DaemonSettings.load(file: nil, state: state.paths, environment: environment)
                return try state.certificate(configured: loaded.settings.tls)
            },
            // What a daemon would have logged.
            audit: { line in StandardError.write("ferryd: \(line)") }
        )
        return try await client.perform(request)
    }

    /// The directory that is meant, for this process.
    func path() throws(FerryError) -> String {
        try self.path(environment: ProcessInfo.processInfo.environment)
    }

    /// A daemon of another release may answer with something else.
    static func unexpected() -> FerryError {
        FerryError(.violation, "the daemon answered something else than was asked", remedy: "restart the daemon")
    }
}
