import FerryCatalog
import FerryErrors
import FerryFiles
import FoundationEssentials
import Logging
import NIOPosix

/// Removes from all shares what transfers left behind and nobody took up: when the daemon starts, and at least daily.
struct PartialSweeper: Sendable {
    let services: Services
    /// How old what is removed is at least, by the settings in force.
    let age: @Sendable () -> Duration

    /// Sweeps until the task is cancelled.
    func run() async {
        repeat { await self.sweep() } while (try? await Task.sleep(for: min(self.age(), .seconds(86_400)))) != nil
    }

    private func sweep() async {
        let before = Int64(Date.now.timeIntervalSince1970) - self.age().components.seconds
        let shares =
            (try? await self.services.accounts.runIfActive {
                try self.services.catalog.shares().filter { !$0.isRepository }
            }) ?? []
        for share in shares {
            // A share that cannot be opened is the business of whoever asks for it.
            guard let walk = try? await self.services.files.runIfActive({ try Walk(self.services, share, before) })
            else {
                continue
            }
            while !Task.isCancelled, (try? await self.services.files.runIfActive { walk.proceed() }) ?? false {}
            guard walk.removed > 0 else { continue }
            self.services.log.info(
                "unfinished transfers removed",
                metadata: ["share": "\(share.name.text)", "files": "\(walk.removed)"]
            )
        }
    }

    /// A walk that goes from thread to thread of the pool; one piece at a time runs.
    private final class Walk: Sendable {
        // SAFETY: one piece after another, each awaited.
        private nonisolated(unsafe) var sweep: PartialSweep

        init(_ services: Services, _ share: ShareRecord, _ before: Int64) throws(FerryError) {
            self.sweep = try PartialSweep(try services.roots.root(of: share), before: before)
        }

        func proceed() -> Bool { self.sweep.proceed() }

        var removed: Int { self.sweep.removed }
    }
}
