import FerryChunking
package import FerryErrors
package import FerryProtocol
package import FerryTransfer
package import FerryWire

/// Backs up into a repository.
package final class BackupRequest: FrameOperation {
    /// Makes the sender, once the repository is known: its id, and how its files are cut.
    package typealias MakeSender = (_ repository: [UInt8], _ average: Int) throws(FerryError) -> BackupSender

    private enum State {
        case new
        case asked
        case sending(BackupSender)
    }

    private let repository: String
    private let isDryRun: Bool
    private let makeSender: MakeSender
    private var state = State.new

    /// - Parameters:
    ///   - repository: its name.
    ///   - isDryRun: whether nothing is sent.
    ///   - makeSender: called once the daemon has accepted.
    package init(repository: String, isDryRun: Bool, makeSender: @escaping MakeSender) {
        self.repository = repository
        self.isDryRun = isDryRun
        self.makeSender = makeSender
    }

    package var summary: TransferSummary {
        if case .sending(let sender) = self.state { sender.summary } else { TransferSummary() }
    }

    package var canBeRefused: Bool { if case .sending = self.state { false } else { true } }

    package func received(_ frame: Frame, sink: any FrameSink) throws(FerryError) {
        switch (frame.body, self.state) {
        // A daemon that is about to end says so right behind its confirmation, which counts.
        case (.failure, .sending(let sender)) where sender.isFinished: break
        case (.failure(let failure), _): throw FerryError(peer: failure)
        case (.ready(let ready), .asked):
            self.state = .sending(try self.makeSender([UInt8](ready.repository), Int(ready.average)))
        case (_, .sending(let sender)):
            try sender.received(frame)
            guard sender.isFinished, !self.isDryRun, sender.summary.snapshot == nil else { return }
            throw FerryError(.violation, "the daemon confirmed a backup without naming its snapshot")
        default: throw FerryError(.violation, "the daemon answered a backup with something else")
        }
    }

    package func proceed(sink: any FrameSink) throws(FerryError) -> Progress {
        switch self.state {
        case .new:
            sink.send(.backup(repository: self.repository, dryRun: self.isDryRun))
            self.state = .asked
            return .waiting
        case .asked: return .waiting
        case .sending(let sender): return try sender.proceed(sink: sink)
        }
    }

    package func abandoned(_ error: FerryError) {
        if case .sending(let sender) = self.state, !sender.isFinished { sender.abandoned() }
    }
}
