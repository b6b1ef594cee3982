import FerryErrors
import FerryTransport
import Logging
import Synchronization

/// Reads the configuration and the certificate again, and puts them into force: all that can change while the daemon
/// runs, or, if anything is wrong, nothing.
final class Reloader: Sendable {
    private let source: ConfigurationSource?
    private let state: StateDirectory
    private let services: Services
    private let identity: ServerIdentity
    private let listeners: [Listeners.Listener]
    private let manager: ServiceManager
    private let inForce: Mutex<Settings>

    init(
        _ settings: Settings,
        source: ConfigurationSource?,
        state: StateDirectory,
        services: Services,
        identity: ServerIdentity,
        listeners: [Listeners.Listener],
        manager: ServiceManager
    ) {
        self.inForce = Mutex(settings)
        self.source = source
        self.state = state
        self.services = services
        self.identity = identity
        self.listeners = listeners
        self.manager = manager
    }

    /// The settings that count now.
    var settings: Settings { self.inForce.withLock { $0 } }

    /// Reads everything again; blocks. The log tells what came of it, and the service manager that it was done.
    ///
    /// - Returns: what has changed.
    /// - Throws: what is wrong; then all stays as it was.
    func reload() throws(FerryError) -> ReloadReport {
        self.manager.reloading()
        defer { self.manager.ready() }
        let result = self.inForce.withLock { inForce -> Result<ReloadReport, FerryError> in
            do throws(FerryError) { return .success(try self.replace(&inForce)) } catch { return .failure(error) }
        }
        let log = self.services.log
        switch result {
        case .success(let report):
            var metadata: Logger.Metadata = ["changed": "\(report.changed.joined(separator: " "))"]
            if let fingerprint = report.fingerprint { metadata["certificate"] = "\(fingerprint)" }
            log.notice("reloaded", metadata: metadata)
            if !report.needRestart.isEmpty {
                log.warning(
                    "a restart is needed",
                    metadata: ["changed": "\(report.needRestart.joined(separator: " "))"]
                )
            }
            return report
        case .failure(let error):
            log.error("not reloaded; everything stays as it was", metadata: ["error": "\(error)"])
            throw error
        }
    }

    private func replace(_ inForce: inout Settings) throws(FerryError) -> ReloadReport {
        guard let source = self.source else {
            throw FerryError(.unsupported, "this daemon has no configuration to read")
        }
        let read: Settings
        do { read = try source.read() } catch {
            throw error as? FerryError ?? FerryError(.internalError, "cannot read the configuration", cause: error)
        }
        // The certificate first: it is the last that can fail, and nothing has changed before.
        let isOther = try self.identity.replace(try self.state.certificate(configured: read.tls))
        let changes = Setting.changes(from: inForce, to: read)
        var next = read
        for setting in changes where setting.needsRestart {
            // What was shown is read again; that cannot fail.
            try? setting.apply(setting.texts(in: inForce), &next)
        }
        self.services.apply(next)
        for listener in self.listeners { listener.limiter.setRate(next.limits.rate(of: listener.address)) }
        source.style.set(next.log)
        inForce = next
        return ReloadReport(
            changed: changes.filter { !$0.needsRestart }.map { $0.line(in: next) },
            needRestart: changes.filter(\.needsRestart).map { $0.line(in: read) },
            fingerprint: isOther ? self.identity.fingerprint : nil
        )
    }
}
