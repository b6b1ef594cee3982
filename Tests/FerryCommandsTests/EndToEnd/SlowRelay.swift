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
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var size = Int32(Self.buffer)
        setsockopt(listener, SOL_SOCKET, SO_RCVBUF, &size, socklen_t(MemoryLayout<Int32>.size))
        var address = Self.loopback(0)
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isBound = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                bind(listener, address, length) == 0 && listen(listener, 4) == 0
                    && getsockname(listener, address, &length) == 0
            }
        }
        guard isBound else { throw POSIXError(.EADDRNOTAVAIL) }
        self.listener = listener
        self.port = Int(UInt16(bigEndian: address.sin_port))
        Thread.detachNewThread {
            while true {
                let near = accept(listener, nil, nil)
                guard near >= 0 else { return }
                let far = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
                Self.connect(far, target)
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

    private static func loopback(_ port: Int) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(port).bigEndian
        address.sin_addr.s_addr = UInt32(INADDR_LOOPBACK).bigEndian
        return address
    }

    private static func connect(_ descriptor: Int32, _ port: Int) {
        var address = Self.loopback(port)
        _ = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Glibc.connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
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
