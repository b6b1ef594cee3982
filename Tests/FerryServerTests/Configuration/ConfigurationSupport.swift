import FerryErrors
import FerryServer
import Testing

/// Settings out of the text of a file named `ferryd.yaml`.
func load(
    _ yaml: String,
    environment: [String: String] = [:],
    flags: [LoadedSettings.Flag] = []
) throws -> LoadedSettings {
    let file = try ConfigurationFile(name: "ferryd.yaml", bytes: Array(yaml.utf8))
    return try LoadedSettings(file: file, environment: environment, flags: flags)
}

/// Expects a configuration error whose line for people begins and goes on as given.
func expectRefusal(
    _ prefix: String,
    containing part: String = "",
    sourceLocation: SourceLocation = #_sourceLocation,
    _ body: () throws -> Void
) {
    #expect(sourceLocation: sourceLocation) {
        try body()
    } throws: { error in
        guard let error = error as? FerryError, error.code == .configuration else { return false }
        return "\(error)".hasPrefix(prefix) && "\(error)".contains(part)
    }
}
