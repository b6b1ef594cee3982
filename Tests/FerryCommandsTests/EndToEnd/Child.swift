import FerryTestKit
import Foundation
import Glibc
import Synchronization

/// A real process of a test: ended by force should it hang, and never waited for by sleeping.
final class Child: Sendable {
    /// Seconds after which a process counts as hanging; far more than any of them needs. A test that waits for one goes on only
    /// when a thread of the tests is free: with two cores that took a minute where all others had just begun.
    private static let patience = Double(Soak.count(600, soak: 7200))

    let process: pid_t
    private let hasEnded: Ended
    private let ends: AsyncStream<Int32>

    /// Starts `program`, a name beside the tests or an absolute path, with no more than this environment.
    init(
        _ program: String,
        _ arguments: [String],
        environment: [String: String],
        directory: String,
        input: FileHandle = .nullDevice,
        output: FileHandle = .nullDevice,
        errors: FileHandle = .nullDevice
    ) throws {
        let process = try Spawn.start(
            program.hasPrefix("/") ? program : Self.built(program),
            arguments,
            environment: environment,
            directory: directory,
            input: input,
            output: output,
            errors: errors
        )
        let (ends, continuation) = AsyncStream.makeStream(of: Int32.self)
        self.process = process
        self.ends = ends
        let hasEnded = Ended()
        self.hasEnded = hasEnded
        Spawn.wait(process) { status in
            hasEnded.store()
            continuation.yield(status)
            continuation.finish()
        }
        DispatchQueue.global().asyncAfter(deadline: .now() + Self.patience) { [weak self] in self?.send(SIGKILL) }
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

    var isOver: Bool { self.hasEnded.isStored }

    /// Nothing is sent to a process that has ended, whose id may be another's.
    func send(_ signal: Int32) { self.hasEnded.unlessStored { kill(self.process, signal) } }

    private final class Ended: Sendable {
        private let value = Mutex(false)
        var isStored: Bool { self.value.withLock { $0 } }
        func store() { self.value.withLock { $0 = true } }
        func unlessStored(_ act: () -> Void) { self.value.withLock { if !$0 { act() } } }
    }
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
            // read(2), because the handle's own method waits until its buffer is full.
            var buffer = [UInt8](repeating: 0, count: 4096)
            while true {
                let count = read(handle.fileDescriptor, &buffer, buffer.count)
                if count < 0, errno == EINTR { continue }
                // A terminal's reading end fails with EIO once the other end is closed.
                guard count > 0 else { return self.end() }
                self.add(Data(buffer[..<count]))
            }
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
