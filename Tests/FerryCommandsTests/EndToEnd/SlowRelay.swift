import Foundation
import Glibc
import Synchronization

/// A link of limited speed: takes one connection after another on a port of its own and passes bytes on to another,
/// slowly towards it and at once back.
final class SlowRelay: Sendable {
    /// What the link itself holds, in bytes; small beside what a test sends.
    private static let buffer = 64 << 10

    let port: Int
    private let listener: Int32

    init(to target: Int, bytesPerSecond: Int) throws {
        let (listener, port) = try Loopback.listen()
        var size = Int32(Self.buffer)
        setsockopt(listener, SOL_SOCKET, SO_RCVBUF, &size, socklen_t(MemoryLayout<Int32>.size))
        (self.listener, self.port) = (listener, port)
        Thread.detachNewThread {
            while true {
                let near = accept(listener, nil, nil)
                guard near >= 0 else { return }
                let far = Loopback.connect(to: target)
                Thread.detachNewThread { Self.copy(far, near, bytesPerSecond: nil) }
                Self.copy(near, far, bytesPerSecond: bytesPerSecond)
            }
        }
    }

    deinit {
        // Ends the accept, which closing would not.
        shutdown(self.listener, Int32(SHUT_RDWR))
        close(self.listener)
    }

    /// Passes on what comes until it ends. The pauses are the link's speed, not a wait for something to happen.
    private static func copy(_ source: Int32, _ target: Int32, bytesPerSecond: Int?) {
        var buffer = [UInt8](repeating: 0, count: 16 << 10)
        while case let count = read(source, &buffer, buffer.count), count > 0 {
            if let bytesPerSecond { usleep(useconds_t(count * 1_000_000 / bytesPerSecond)) }
            guard send(target, buffer, count, Int32(MSG_NOSIGNAL)) == count else { break }
        }
        shutdown(target, Int32(SHUT_WR))
        shutdown(source, Int32(SHUT_RD))
    }
}
