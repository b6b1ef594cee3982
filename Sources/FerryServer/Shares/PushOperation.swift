import FerryCatalog
import FerryErrors
import FerryFiles
import FerryProtocol
import FerryTransfer
import FerryWire

/// Receives a file into a share.
final class PushOperation: FrameOperation {
    private let request: WirePush
    private let access: ShareAccess
    private var receiver: FileReceiver?

    init(request: WirePush, access: ShareAccess) {
        self.request = request
        self.access = access
    }

    var summary: TransferSummary { self.receiver?.summary ?? TransferSummary() }

    var canBeRefused: Bool { self.receiver == nil }

    func received(_ frame: Frame, sink: any FrameSink) throws(FerryError) {
        guard let receiver = self.receiver else {
            throw FerryError(.violation, "a push was not ready to receive")
        }
        try receiver.received(frame, sink: sink)
    }

    func proceed(sink: any FrameSink) throws(FerryError) -> Progress {
        if let receiver = self.receiver { return receiver.isFinished ? .finished : .waiting }
        self.receiver = try self.start()
        sink.send(.ready())
        return .waiting
    }

    func abandoned() { self.receiver?.abandoned() }

    private func start() throws(FerryError) -> FileReceiver {
        let services = self.access.services
        let location = try self.access.locate(self.request.path, .write)
        let size = self.request.hasSize ? self.request.size : nil
        // A client that says nothing about the file gets what creating one gives: 0666 less the umask, and now.
        let metadata = self.request.hasMetadata ? self.request.metadata : nil
        let modified = try metadata?.modified()
        try services.roots.checkSpace(location, for: size ?? 0)
        let claim = try services.roots.claim(location)
        let partial = try location.root.createPartial(for: location.path, makeParents: self.request.makeParents)
        let destination = ShareDestination(
            partial: partial,
            location: location,
            roots: services.roots,
            claim: claim,
            mode: metadata?.mode ?? 0o666,
            modified: modified
        )
        return FileReceiver(destination: destination, announcedSize: size, limits: self.access.limits)
    }
}
