import CLinux
package import FerryErrors
import FerryFiles
@preconcurrency import Glibc
import Synchronization

extension FerryError.Code {
    /// A command whose output was to be sent has failed.
    package static let commandFailed = FerryError.Code(rawValue: "command-failed")
}

/// What a command writes to its standard output. The transfer ends well only if the command does.
///
/// The command is started at the first read, which comes after the daemon has accepted the push. Its standard input and
/// standard error are this program's.
package final class CommandSource: ByteSource {
    private enum State {
        case idle
        case running(pid_t)
        case ended
    }

    private let arguments: [[UInt8]]
    private let state = Mutex(State.idle)
    private let output = Mutex<StreamSource?>(nil)

    /// - Parameter arguments: the command, looked up in PATH unless it holds a slash, and its arguments.
    package init(_ arguments: [[UInt8]]) {
        self.arguments = arguments
    }

    package var knownSize: Int64? { nil }

    /// The command, escaped.
    private var name: String { Escaping.escape(self.arguments.first ?? []) }

    package func read(into buffer: UnsafeMutableRawBufferPointer) throws(FerryError) -> Int {
        if let output = self.output.withLock({ $0 }) { return try output.read(into: buffer) }
        let output = try self.start()
        self.output.withLock { $0 = output }
        return try output.read(into: buffer)
    }

    /// Waits for the command's end.
    ///
    /// - Throws: `.commandFailed` unless its status is 0.
    package func verifyUnchanged() throws(FerryError) {
        guard case .running(let process) = self.state.withLock({ $0 }) else { return }
        var info = siginfo_t()
        // Waits without reaping, so that the number stays this process's while ``terminate()`` may still use it.
        while waitid(P_PID, id_t(process), &info, WEXITED | WNOWAIT) != 0, errno == EINTR {}
        var status: Int32 = 0
        self.state.withLock { state in
            _ = waitpid(process, &status, 0)
            state = .ended
        }
        let ending: String
        if status & 0x7F != 0 {
            ending = "was killed by signal \(status & 0x7F)"
        } else if status != 0 {
            ending = "failed with exit status \((status >> 8) & 0xFF)"
        } else {
            return
        }
        throw FerryError(
            .commandFailed,
            "the command \(self.name) \(ending)",
            remedy: "nothing was made of its output; its own messages, if any, are above"
        )
    }

    /// Tells the command to end, if it runs, and does not wait for it; if it does not run yet, it never will.
    package func terminate() {
        self.state.withLock { state in
            switch state {
            case .running(let process): kill(process, SIGTERM)
            case .idle: state = .ended
            case .ended: break
            }
        }
    }

    private func start() throws(FerryError) -> StreamSource {
        guard let pipe = Pipe.make() else { throw self.failure(errno) }
        let source = StreamSource(Descriptor(adopting: pipe.read), name: self.name)
        // Closed here once the command has its copy: the pipe ends when the command does.
        let writeEnd = Descriptor(adopting: pipe.write)
        // Under the lock, so that ``terminate()`` comes before the command is there or when it is known.
        try self.state.withLock { state throws(FerryError) in
            guard case .idle = state else { throw FerryError(.cancelled, "cancelled") }
            state = .running(try self.spawn(output: writeEnd.raw))
        }
        return source
    }

    private func spawn(output: Int32) throws(FerryError) -> pid_t {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO)
        // The connection ends with this program, and not with what the command may leave running.
        ferry_spawn_close_from(&actions, STDERR_FILENO + 1)
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        // This program ignores SIGPIPE and its threads may block signals; the command must not inherit that.
        var signals = sigset_t()
        sigemptyset(&signals)
        posix_spawnattr_setsigmask(&attributes, &signals)
        sigaddset(&signals, SIGPIPE)
        posix_spawnattr_setsigdefault(&attributes, &signals)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))
        var strings = self.arguments.map { bytes in strdup(bytes.map { CChar(bitPattern: $0) } + [0]) } + [nil]
        defer { for string in strings { free(string) } }
        guard let program = strings[0] else { throw FerryError(.usage, "the command is empty") }
        var process: pid_t = 0
        let code = posix_spawnp(&process, program, &actions, &attributes, &strings, environ)
        guard code == 0 else { throw self.failure(code) }
        return process
    }

    private func failure(_ code: Int32) -> FerryError {
        let reason = strerror(code).map { String(cString: $0) } ?? "errno \(code)"
        return FerryError(code == ENOENT ? .notFound : .commandFailed, "cannot run \(self.name): \(reason)")
    }
}
