import Glibc

/// The cause below an error that a system call made.
package struct SystemError: Error, CustomStringConvertible {
    package let number: Int32

    /// - Parameter number: an errno.
    package init(number: Int32) { self.number = number }

    /// What the system calls it, and the number.
    package var description: String {
        // SAFETY: strerror never returns NULL; since glibc 2.32 what it returns belongs to the thread.
        let text = unsafe String(cString: strerror(self.number))
        return "\(text) (errno \(self.number))"
    }
}
