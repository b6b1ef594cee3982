import FerryTestKit
import Foundation
import Glibc
import Synchronization

/// A link that breaks: passes so many bytes of each connection, counted over both directions, and then resets it, or
/// stalls.
final class BreakingRelay: Sendable {
    let port: Int
    private let listener: Int32
    private let limit: Int
    private let isStalling: Bool
    private let state = Mutex(State())

    private struct State {
        var isBroken = false
        var sockets: [Int32] = []
        var waiting: [CheckedContinuation<Void, Never>] = []
    }

    /// - Parameters:
    ///   - target: a port of this machine.
    ///   - limit: bytes after which a connection breaks.
    ///   - isStalling: whether it then stays open and passes nothing, until ``end()``.
    ///   - spared: how many connections, from the first on, do not break.
    /// - Throws: if there is no port left.
    init(to target: Int, breakingAfter limit: Int, stalling isStalling: Bool = false, sparing spared: Int = 0) throws {
        (self.listener, self.port) = try Loopback.listen()
        self.limit = limit
        self.isStalling = isStalling
        let listener = self.listener
        Thread.detachNewThread { [weak self] in
            while true {
                let near = accept(listener, nil, nil)
                guard near >= 0, let self else { return }
                let far = Loopback.connect(to: target)
                let count = self.state.withLock { state in
                    state.sockets += [near, far]
                    return state.sockets.count / 2
                }
                // Half of what there is: a sum of bytes never overflows it.
                let passed = Passed(count <= spared ? .min / 2 : 0)
                Thread.detachNewThread { self.copy(near, far, passed) }
                Thread.detachNewThread { self.copy(far, near, passed) }
            }
        }
    }

    deinit {
        shutdown(self.listener, Int32(SHUT_RDWR))
        close(self.listener)
    }

    /// Waits until a connection has broken.
    func broken() async {
        await withCheckedContinuation { continuation in
            self.state.withLock { state in
                if state.isBroken { continuation.resume() } else { state.waiting.append(continuation) }
            }
        }
    }

    /// Ends the connections to the target without a word to it.
    func vanish() {
        for (index, socket) in self.state.withLock({ $0.sockets }).enumerated() where index % 2 == 1 {
            // What is on its way arrives before, or this kernel would go on sending it.
            var unacknowledged: Int32 = 0
            repeat {
                sched_yield()
                _ = ioctl(socket, UInt(TIOCOUTQ), &unacknowledged)
            } while unacknowledged > 0
            var filter = DropFilter()
            setsockopt(socket, SOL_SOCKET, DropFilter.option, &filter, socklen_t(MemoryLayout<DropFilter>.size))
        }
    }

    /// Resets all connections.
    func end() { for socket in self.state.withLock({ $0.sockets }) { Loopback.reset(socket) } }

    /// Bytes of one connection.
    private final class Passed: Sendable {
        private let count: Atomic<Int>
        init(_ start: Int) { self.count = Atomic(start) }
        func add(_ bytes: Int) -> Int { self.count.add(bytes, ordering: .relaxed).newValue }
    }

    private func copy(_ source: Int32, _ target: Int32, _ passed: Passed) {
        var buffer = [UInt8](repeating: 0, count: 4 << 10)
        while case let count = read(source, &buffer, buffer.count), count > 0 {
            guard passed.add(count) <= self.limit else {
                self.state.withLock { state in
                    state.isBroken = true
                    for waiting in state.waiting { waiting.resume() }
                    state.waiting = []
                }
                if self.isStalling { return }
                Loopback.reset(source)
                Loopback.reset(target)
                return
            }
            guard send(target, buffer, count, Int32(MSG_NOSIGNAL)) == count else { break }
        }
        shutdown(target, Int32(SHUT_WR))
        shutdown(source, Int32(SHUT_RD))
    }
}

/// Sockets on 127.0.0.1.
enum Loopback {
    /// - Returns: a listening socket and its port.
    static func listen() throws -> (Int32, Int) {
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = self.address(0)
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isBound = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                bind(listener, address, length) == 0 && Glibc.listen(listener, 16) == 0
                    && getsockname(listener, address, &length) == 0
            }
        }
        guard isBound else { throw POSIXError(.EADDRNOTAVAIL) }
        return (listener, Int(UInt16(bigEndian: address.sin_port)))
    }

    static func connect(to port: Int) -> Int32 {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = self.address(port)
        _ = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Glibc.connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        return descriptor
    }

    /// Ends a connection both ways at once; the descriptor stays, so that its number is not taken by another.
    static func reset(_ socket: Int32) {
        var linger = Glibc.linger(l_onoff: 1, l_linger: 0)
        setsockopt(socket, SOL_SOCKET, SO_LINGER, &linger, socklen_t(MemoryLayout<Glibc.linger>.size))
        shutdown(socket, Int32(SHUT_RDWR))
    }

    private static func address(_ port: Int) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(port).bigEndian
        address.sin_addr.s_addr = UInt32(INADDR_LOOPBACK).bigEndian
        return address
    }
}
