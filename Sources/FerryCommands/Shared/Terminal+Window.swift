import Glibc

extension Terminal {
    /// Whether standard error is a terminal that can rewrite a line.
    static var isProgressCapable: Bool {
        guard isatty(STDERR_FILENO) == 1, let type = getenv("TERM") else { return false }
        return String(cString: type) != "dumb"
    }

    /// Columns of the terminal on standard error, asked anew each time, for windows are resized.
    static var columns: Int {
        var size = winsize()
        guard ioctl(STDERR_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return 80 }
        return Int(size.ws_col)
    }
}
