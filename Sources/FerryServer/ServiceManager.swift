import CLinux
import FerryErrors
import Logging
import NIOCore

/// Tells systemd, where it is the parent, what the daemon is doing (sd_notify(3)).
struct ServiceManager: Sendable {
    private let socket: String?
    private let log: Logger

    init(environment: [String: String], log: Logger) {
        self.socket = environment["NOTIFY_SOCKET"].flatMap { $0.isEmpty ? nil : $0 }
        self.log = log
    }

    func ready() { self.notify("READY=1\nSTATUS=serving") }

    /// The time is CLOCK_MONOTONIC in µs, as NIO's is: systemd ≥ 253 waits for it with `Type=notify-reload`.
    func reloading() {
        self.notify("RELOADING=1\nMONOTONIC_USEC=\(NIODeadline.now().uptimeNanoseconds / 1000)\nSTATUS=reloading")
    }

    func alive() { self.notify("WATCHDOG=1") }

    func stopping() { self.notify("STOPPING=1\nSTATUS=finishing the running transfers") }

    private func notify(_ message: String) {
        guard let socket = self.socket else { return }
        let errno = ferry_notify(socket, message)
        if errno != 0 { self.log.warning("the service manager could not be told", metadata: ["errno": "\(errno)"]) }
    }
}
