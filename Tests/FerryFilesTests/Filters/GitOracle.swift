import FerryErrors
import Foundation
import Glibc

/// Asks git which paths it ignores.
struct GitOracle {
    private let scratch: Scratch

    /// Makes an empty repository.
    /// - Throws: if git cannot be started; `Scripts/install-dependencies test` installs it.
    init() throws {
        self.scratch = try Scratch()
        try self.git(["init", "--quiet", self.scratch.path], input: "/dev/null")
    }

    /// What git says of each path of each tree: whether it, or a directory above it, is ignored. A tree is the content of
    /// ignore files by their directory, and paths, which need not exist; `directories` exist in each tree.
    func ignored(
        _ trees: [(files: [[UInt8]: [UInt8]], paths: [[UInt8]])],
        _ directories: [[UInt8]]
    ) throws -> [[Bool]] {
        var input: [UInt8] = []
        for (number, tree) in trees.enumerated() {
            for directory in directories {
                let path = "\(number)/" + String(decoding: directory, as: UTF8.self)
                try self.scratch.makeDirectory(path)
                let file = self.scratch.full(path + "/.gitignore")
                try Data(tree.files[directory] ?? []).write(to: URL(fileURLWithPath: file))
            }
            for path in tree.paths { input += Array("\(number)/".utf8) + path + [0] }
        }
        try Data(input).write(to: URL(fileURLWithPath: self.scratch.full("input")))
        let arguments = ["check-ignore", "--no-index", "--verbose", "--non-matching", "--stdin", "-z"]
        try self.git(["-C", self.scratch.path] + arguments, input: self.scratch.full("input"))
        // Four fields for each path: file, line, pattern and the path again.
        let output = try Data(contentsOf: URL(fileURLWithPath: self.scratch.full("output")))
        let fields = Array(output).split(separator: 0, omittingEmptySubsequences: false).dropLast().map(Array.init)
        var answers = stride(from: 0, to: fields.count, by: 4).map { index in
            !fields[index].isEmpty && fields[index + 2].first != UInt8(ascii: "!")
        }[...]
        guard answers.count == trees.reduce(0, { $0 + $1.paths.count }) else {
            throw FerryError(.internalError, "git answered \(answers.count) times")
        }
        return trees.map { tree in
            defer { answers = answers.dropFirst(tree.paths.count) }
            return Array(answers.prefix(tree.paths.count))
        }
    }

    /// Runs git without anyone's settings; its output goes to the file `output`.
    private func git(_ arguments: [String], input: String) throws {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, input, O_RDONLY, 0)
        posix_spawn_file_actions_addopen(
            &actions,
            1,
            self.scratch.full("output"),
            O_WRONLY | O_CREAT | O_TRUNC,
            0o600
        )
        let path = ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin"
        let environment = [
            "PATH=\(path)", "HOME=\(self.scratch.path)", "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null",
        ]
        let argv = (["git"] + arguments).map { strdup($0) } + [nil]
        let envp = environment.map { strdup($0) } + [nil]
        defer { for pointer in argv + envp { free(pointer) } }
        var process = pid_t()
        let number = posix_spawnp(&process, "git", &actions, nil, argv, envp)
        guard number == 0 else {
            throw FerryError(.notFound, "git: errno \(number)", remedy: "Scripts/install-dependencies test installs it")
        }
        var status: Int32 = 0
        while waitpid(process, &status, 0) < 0, errno == EINTR {}
        // 1 says that no path is ignored.
        guard status == 0 || status == 1 << 8 else {
            throw FerryError(.internalError, "git \(arguments) ended with status \(status)")
        }
    }
}
