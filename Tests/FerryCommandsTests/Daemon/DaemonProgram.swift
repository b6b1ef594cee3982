import Foundation

/// Runs the real `ferryd`, as it lies beside the tests, on a state directory of its own.
final class DaemonProgram: Sendable {
    struct Outcome {
        let status: Int32
        let output: String
        let errors: String
    }

    let directory: String
    var state: String { self.directory + "/state" }

    init() throws {
        self.directory = FileManager.default.temporaryDirectory.path + "/ferryd-\(UInt64.random(in: 0 ... .max))"
        try FileManager.default.createDirectory(atPath: self.directory, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: self.directory) }

    /// Makes a directory and returns its path.
    func makeDirectory(_ name: String) throws -> String {
        let path = self.directory + "/" + name
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        return path
    }

    /// Runs `ferryd` in this value's directory, with `FERRY_STATE` naming the state.
    func run(_ arguments: String..., output: String? = nil) async throws -> Outcome {
        try await self.run(arguments: arguments, output: output)
    }

    /// Runs `ferryd`, its standard output going to the file `output` if one is named.
    func run(
        arguments: [String],
        output: String?
    ) async throws -> Outcome {
        let name = "\(self.directory)/\(UInt64.random(in: 0 ... .max))"
        let outputPath = output ?? name + ".out"
        for path in [outputPath, name + ".err"] where path.hasPrefix(self.directory) {
            try Data().write(to: URL(fileURLWithPath: path))
        }
        let child = try Child(
            "ferryd",
            arguments,
            environment: ["FERRY_STATE": self.state],
            directory: self.directory,
            output: FileHandle(forWritingAtPath: outputPath) ?? .nullDevice,
            errors: FileHandle(forWritingAtPath: name + ".err") ?? .nullDevice
        )
        let status = await child.status()
        return Outcome(
            status: status,
            output: output == nil ? try Self.read(outputPath) : "",
            errors: try Self.read(name + ".err")
        )
    }

    private static func read(_ path: String) throws -> String {
        String(decoding: try Data(contentsOf: URL(fileURLWithPath: path)), as: UTF8.self)
    }
}
