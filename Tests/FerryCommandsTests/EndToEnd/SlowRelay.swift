import Foundation
import Glibc
import Synchronization

/// A link of limited speed: takes one connection after another on a port of its own and passes bytes on to another,
/// slowly towards it and at once back.
final class SlowRelay: Sendable {
    /// What the link itself holds, in bytes; small beside what a test sends.
    private static let buffer = Int32(64 << 10)

    let port: Int
    private let listener: Int32

    init(to target: Int, bytesPerSecond: Int) throws {
        let (listener, port) = try Loopback.listen()
        Self.set(listener, SO_RCVBUF, Self.buffer)
        (self.listener, self.port) = (listener, port)
        Thread.detachNewThread {
            while true {
                let near = accept(listener, nil, nil)
                guard near >= 0 else { return }
                let far = Loopback.connect(to: target)
                // The kernel keeps to the speed: it sends no faster, and takes no more than the buffer ahead.
                Self.set(far, SO_MAX_PACING_RATE, Int32(bytesPerSecond))
                Self.set(far, SO_SNDBUF, Self.buffer)
                Thread.detachNewThread { Self.copy(far, near) }
                Self.copy(near, far)
            }
        }
    }

    deinit {
        // Ends the accept, which closing would not.
        shutdown(self.listener, Int32(SHUT_RDWR))
        close(self.listener)
    }

    private static func set(_ socket: Int32, _ option: Int32, _ value: Int32) {
        var value = value
        setsockopt(socket, SOL_SOCKET, option, &value, socklen_t(MemoryLayout<Int32>.size))
    }

    /// Passes on what comes until it ends.
    private static func copy(_ source: Int32, _ target: Int32) {
        var buffer = [UInt8](repeating: 0, count: 16 << 10)
        while case let count = read(source, &buffer, buffer.count), count > 0 {
            guard send(target, buffer, count, Int32(MSG_NOSIGNAL)) == count else { break }
        }
        shutdown(target, Int32(SHUT_WR))
        shutdown(source, Int32(SHUT_RD))
    }
}
