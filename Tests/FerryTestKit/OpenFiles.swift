import CLinux

/// What this process may have open.
package enum OpenFiles {
    /// Raises it to what it may be raised to, as the programs do: a crowd's connections are files of the test, too.
    package static func allowMany() { ferry_raise_file_limit() }
}
