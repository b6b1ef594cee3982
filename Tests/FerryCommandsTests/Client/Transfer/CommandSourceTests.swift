import FerryCommands
import FerryErrors
import Foundation
import Testing

@Suite struct CommandSourceTests {
    /// An interrupt that comes before the command is there: it must not be started behind its back and outlive the program.
    @Test func whatIsToldToEndBeforeItRunsNeverDoes() throws {
        let path = FileManager.default.temporaryDirectory.path + "/ferry-command-\(UInt64.random(in: 0 ... .max))"
        defer { try? FileManager.default.removeItem(atPath: path) }
        let source = CommandSource(["touch", path].map { Array($0.utf8) })
        source.terminate()
        var code: FerryError.Code?
        var buffer = [UInt8](repeating: 0, count: 16)
        buffer.withUnsafeMutableBytes { bytes in
            do throws(FerryError) { _ = try source.read(into: bytes) } catch { code = error.code }
        }
        #expect(code == .cancelled)
        #expect(!FileManager.default.fileExists(atPath: path))
    }
}
