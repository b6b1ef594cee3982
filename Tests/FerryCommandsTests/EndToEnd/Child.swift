import Foundation
import Synchronization

/// A real process of a test: ended by force should it hang, and never waited for by sleeping.
final class Child: Sendable {
    /// Seconds after which a process counts as hanging; far more than any of them needs.
    private static let patience = 60.0

    private let process: Process
    private let ends: AsyncStream<Int32>

    /// - Parameters:
    ///   - program: a name beside the tests, or an absolute path.
    ///   - arguments: without the program's name.
    ///   - environment: the whole of it.
    ///   - directory: to run in.
    init(
        _ program: String,
        _ arguments: [String],
        environment: [String: String],
        directory: String,
        input: FileHandle = .nullDevice,
        output: FileHandle = .nullDevice,
        errors: FileHandle = .nullDevice
    ) throws {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: program.hasPrefix("/") ? program : Self.built(program))
        process.arguments = arguments
        process.environment = environment
        process.currentDirectoryURL = URL(fileURLWithPath: directory)
        process.standardInput = input
        process.standardOutput = output
        process.standardError = errors
        let (ends, continuation) = AsyncStream.makeStream(of: Int32.self)
        process.terminationHandler = { process in
            let isKilled = process.terminationReason == .uncaughtSignal
            continuation.yield(process.terminationStatus + (isKilled ? 128 : 0))
            continuation.finish()
        }
        self.process = process
        self.ends = ends
        try process.run()
        DispatchQueue.global().asyncAfter(deadline: .now() + Self.patience) { [weak process] in
            if let process, process.isRunning { kill(process.processIdentifier, SIGKILL) }
        }
    }

    /// The path of a program that was built with the tests.
    static func built(_ name: String) -> String {
        let tests = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
        return URL(fileURLWithPath: tests ?? "").deletingLastPathComponent().appending(path: name).path
    }

    /// Waits for the end, once.
    ///
    /// - Returns: the exit status, or 128 and the signal's number.
    func status() async -> Int32 {
        for await status in self.ends { return status }
        return -1
    }

    func send(_ signal: Int32) { kill(self.process.processIdentifier, signal) }
}

/// Reads a pipe or a terminal on a thread of its own, and tells when a text has come.
final class Watcher: Sendable {
    private struct State {
        var text = ""
        var isAtEnd = false
        var waiting: [(needle: String, continuation: CheckedContinuation<String, any Error>)] = []
    }

    struct Ended: Error { let text: String }

    private let state = Mutex(State())

    /// - Parameter handle: read to its end, and then closed.
    init(_ handle: FileHandle) {
        Thread.detachNewThread {
            // A terminal's reading end fails with EIO once the other end is closed.
            while let data = try? handle.read(upToCount: 4096), !data.isEmpty { self.add(data) }
            self.end()
        }
    }

    var text: String { self.state.withLock { $0.text } }

    /// Waits until the text matches.
    ///
    /// - Parameter pattern: a regular expression.
    /// - Returns: all text so far.
    /// - Throws: ``Ended`` if it ended without.
    func text(matching pattern: String) async throws -> String {
        try await withCheckedThrowingContinuation { continuation in
            self.state.withLock { state in
                state.waiting.append((pattern, continuation))
                Self.wake(&state)
            }
        }
    }

    private func add(_ data: Data) {
        self.state.withLock { state in
            state.text += String(decoding: data, as: UTF8.self)
            Self.wake(&state)
        }
    }

    private func end() {
        self.state.withLock { state in
            state.isAtEnd = true
            Self.wake(&state)
        }
    }

    private static func wake(_ state: inout State) {
        let text = state.text
        state.waiting.removeAll { needle, continuation in
            if text.range(of: needle, options: .regularExpression) != nil {
                continuation.resume(returning: text)
            } else if state.isAtEnd {
                continuation.resume(throwing: Ended(text: text))
            } else {
                return false
            }
            return true
        }
    }
}
