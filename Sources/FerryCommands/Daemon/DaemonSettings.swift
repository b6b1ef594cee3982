import FerryErrors
import FerryFiles
import FerryServer

/// Finds and reads the daemon's configuration; shared by `serve` and `config check`.
enum DaemonSettings {
    /// - Parameters:
    ///   - file: what `--config` says; nil for the one in the state directory, which may be missing.
    ///   - state: the state directory's paths.
    ///   - environment: of the process.
    ///   - flags: of the command line.
    /// - Returns: the settings, checked.
    /// - Throws: `.configuration` naming file, line and reason; `.notFound` for a file that was named and is missing.
    static func load(
        file: String?,
        state: StatePaths,
        environment: [String: String],
        flags: [LoadedSettings.Flag] = []
    ) throws(FerryError) -> LoadedSettings {
        let path = file ?? state.configuration
        let bytes: [UInt8]?
        do throws(FerryError) {
            bytes = try Directories.readFile(path, limit: ConfigurationFile.maximumLength)
        } catch  where error.code == .notFound && file == nil {
            bytes = nil
        }
        var parsed: ConfigurationFile?
        if let bytes { parsed = try ConfigurationFile(name: path, bytes: bytes) }
        return try LoadedSettings(file: parsed, environment: environment, flags: flags)
    }

    /// Reads the certificate that the settings name, if they do.
    ///
    /// - Throws: `.configuration` naming the place, the settings and the reason.
    static func checkCertificate(_ loaded: LoadedSettings) throws(FerryError) {
        do throws(FerryError) { _ = try loaded.settings.tls.load() } catch {
            throw FerryError(
                .configuration,
                "\(loaded.origin(of: "tls.certificate")): \(error.message)",
                remedy: error.remedy,
                cause: error
            )
        }
    }
}
