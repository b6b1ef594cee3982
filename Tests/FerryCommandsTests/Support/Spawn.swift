import Foundation
import Glibc

/// Starts processes by posix_spawn(3): Foundation's `Process` crashes now and then when many threads start one at once.
enum Spawn {
    struct Failure: Error { let errno: Int32 }

    /// Starts `program`, an absolute path, with no more than this environment. The id has to be waited for.
    static func start(
        _ program: String,
        _ arguments: [String],
        environment: [String: String],
        directory: String,
        input: FileHandle,
        output: FileHandle,
        errors: FileHandle
    ) throws -> pid_t {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        for (number, handle) in [input, output, errors].enumerated() {
            posix_spawn_file_actions_adddup2(&actions, handle.fileDescriptor, Int32(number))
        }
        // What other tests have open is not this child's.
        try Self.closeFrom(&actions, 3)
        try Self.changeDirectory(&actions, directory)
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        // The test runner's ignored and blocked signals are not inherited.
        var all = sigset_t()
        var none = sigset_t()
        sigfillset(&all)
        sigemptyset(&none)
        posix_spawnattr_setsigdefault(&attributes, &all)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK))
        let words = [program] + arguments
        var argv = words.map { strdup($0) } + [nil]
        var envp = environment.map { strdup("\($0.key)=\($0.value)") } + [nil]
        defer { for pointer in argv + envp { free(pointer) } }
        var process = pid_t()
        let errno = posix_spawn(&process, program, &actions, &attributes, &argv, &envp)
        guard errno == 0 else { throw Failure(errno: errno) }
        return process
    }

    private typealias Actions = UnsafeMutablePointer<posix_spawn_file_actions_t>

    // Swift's view of the C library hides these two, which glibc has had since 2.34.
    private static func closeFrom(_ actions: Actions, _ descriptor: Int32) throws {
        typealias Function = @convention(c) (Actions, Int32) -> Int32
        _ = try unsafeBitCast(Self.symbol("posix_spawn_file_actions_addclosefrom_np"), to: Function.self)(
            actions,
            descriptor
        )
    }

    private static func changeDirectory(_ actions: Actions, _ path: String) throws {
        typealias Function = @convention(c) (Actions, UnsafePointer<CChar>) -> Int32
        _ = try unsafeBitCast(Self.symbol("posix_spawn_file_actions_addchdir_np"), to: Function.self)(actions, path)
    }

    private static func symbol(_ name: String) throws -> UnsafeMutableRawPointer {
        guard let symbol = dlsym(nil, name) else { throw Failure(errno: ENOSYS) }
        return symbol
    }

    /// Waits for the end of a process on a thread of its own.
    ///
    /// - Parameters:
    ///   - process: its id.
    ///   - then: takes the exit status, or 128 and the signal's number.
    static func wait(_ process: pid_t, then: @escaping @Sendable (Int32) -> Void) {
        Thread.detachNewThread {
            var status: Int32 = 0
            while waitpid(process, &status, 0) < 0, errno == EINTR {}
            then(status & 0x7F == 0 ? status >> 8 & 0xFF : 128 + status & 0x7F)
        }
    }
}
