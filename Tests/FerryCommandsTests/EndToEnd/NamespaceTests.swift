import Foundation
import Glibc
import Testing

/// Suites that need file systems of their own, run once more as root of a user namespace, where anybody may mount: so that
/// they run wherever the kernel allows such namespaces, and not only for root.
@Suite(.enabled(if: !SmallDisk.isPossible && MountNamespace.isPossible, "they run as they are, or not at all"))
struct NamespaceTests {
    private static let suites = ["SmallDiskTests", "MountTests", "FullDiskTests"]

    @Test(arguments: Self.suites) func runsThere(_ suite: String) async throws {
        let path = FileManager.default.temporaryDirectory.path + "/ferry-namespace-\(UInt64.random(in: 0 ... .max))"
        try Data().write(to: URL(fileURLWithPath: path))
        defer { try? FileManager.default.removeItem(atPath: path) }
        let output = try #require(FileHandle(forWritingAtPath: path))
        let tests = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
        let child = try Child(
            MountNamespace.unshare,
            MountNamespace.options + [tests, "--testing-library", "swift-testing", "--filter", "\\.\(suite)/"],
            environment: ProcessInfo.processInfo.environment,
            directory: FileManager.default.currentDirectoryPath,
            output: output,
            errors: output
        )
        let status = await child.status()
        let text = String(decoding: try Data(contentsOf: URL(fileURLWithPath: path)), as: UTF8.self)
        #expect(status == 0, "\(text.suffix(4000))")
        // One that was skipped has proved nothing.
        #expect(text.contains("Suite \(suite) passed"), "\(text.suffix(4000))")
    }
}

/// A user namespace of this user's own, in which it may mount.
enum MountNamespace {
    static let unshare = "/usr/bin/unshare"
    static let options = ["--user", "--map-root-user", "--mount"]

    /// Whether such a namespace can be had here, and something mounted in it.
    static let isPossible: Bool = {
        guard access(Self.unshare, X_OK) == 0 else { return false }
        let words = Self.options + ["mount", "-t", "tmpfs", "-o", "size=1m", "ferry", "/tmp"]
        let process = try? Spawn.start(
            Self.unshare,
            words,
            environment: ["PATH": "/usr/sbin:/usr/bin:/sbin:/bin"],
            directory: "/",
            input: .nullDevice,
            output: .nullDevice,
            errors: .nullDevice
        )
        var status: Int32 = -1
        guard let process, waitpid(process, &status, 0) == process else { return false }
        return status == 0
    }()
}
