import Foundation

/// A pseudo-terminal (pty(7)) of a given width.
struct TestTerminal {
    struct Failed: Error { let errno: Int32 }

    /// The tests' end.
    let master: FileHandle
    /// The program's end.
    let slave: FileHandle

    /// From asm-generic/ioctls.h, which Swift does not import.
    private static let unlock: UInt = 0x4004_5431
    private static let number: UInt = 0x8004_5430

    init(columns: UInt16) throws {
        let master = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC)
        guard master >= 0 else { throw Failed(errno: errno) }
        self.master = FileHandle(fileDescriptor: master, closeOnDealloc: true)
        var zero: Int32 = 0
        var number: UInt32 = 0
        guard ioctl(master, Self.unlock, &zero) == 0, ioctl(master, Self.number, &number) == 0 else {
            throw Failed(errno: errno)
        }
        let slave = open("/dev/pts/\(number)", O_RDWR | O_NOCTTY | O_CLOEXEC)
        guard slave >= 0 else { throw Failed(errno: errno) }
        self.slave = FileHandle(fileDescriptor: slave, closeOnDealloc: true)
        var size = winsize(ws_row: 24, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0)
        guard ioctl(slave, UInt(TIOCSWINSZ), &size) == 0 else { throw Failed(errno: errno) }
    }
}
