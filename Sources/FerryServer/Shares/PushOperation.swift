import FerryCatalog
import FerryErrors
import FerryFiles
import FerryProtocol
import FerryTransfer
import FerryWire
import NIOCore

/// Receives a file into a share.
final class PushOperation: FrameOperation {
    private let request: WirePush
    private let access: ShareAccess
    private var receiver: FileReceiver?
    private var unchanged: TransferSummary?
    /// Until when it waits for its name, if another push has that.
    private var deadline: NIODeadline?

    init(request: WirePush, access: ShareAccess) {
        self.request = request
        self.access = access
    }

    var summary: TransferSummary { self.receiver?.summary ?? self.unchanged ?? TransferSummary() }

    var canBeRefused: Bool { self.receiver == nil }

    var joinable: (any JoinableTransfer)? { self.receiver }

    func received(_ frame: Frame, sink: any FrameSink) throws(FerryError) {
        guard let receiver = self.receiver else {
            throw FerryError(.violation, "a push was not ready to receive")
        }
        try receiver.received(frame, sink: sink)
    }

    func proceed(sink: any FrameSink) throws(FerryError) -> Progress {
        if let receiver = self.receiver { return try receiver.proceed(sink: sink) }
        self.access.services.claims.forget(self.access.session)
        let location = try self.access.locate(self.request.path, .write).followingLink()
        // What a user may not read must not be guessed either, by asking whether the daemon has it.
        let old = location.granted.contains(.read) ? try? location.root.openForReading(location.path) : nil
        if let old, try self.isUnchanged(old), try location.root.adopt(old, at: location.path, mode: self.mode) {
            self.unchanged = .unchanged(self.request.size)
            sink.send(.ready(unchanged: true))
            sink.send(.finished())
            return .finished
        }
        guard let receiver = try self.start(location, old) else { return .working }
        self.receiver = receiver
        let tickets = self.access.session.tickets(self.request.connections)
        sink.send(.ready(oldSize: old.map { UInt64(clamping: $0.info.size) }, tickets: tickets))
        return .waiting
    }

    func abandoned(_ error: FerryError) {
        self.access.services.claims.forget(self.access.session)
        self.receiver?.abandoned(error)
    }

    /// A client that says nothing about the file gets what creating one gives: 0666 less the umask, and now.
    private var mode: UInt32 { self.request.hasMetadata ? self.request.metadata.mode : 0o666 }

    private func isUnchanged(_ old: SourceFile) throws(FerryError) -> Bool {
        guard self.request.skipUnchanged, self.request.hasMetadata, self.request.hasSize else { return false }
        return try old.info.isUnchanged(size: self.request.size, modified: self.request.metadata.modified())
    }

    /// The name, or nil if it is to be waited for: then all is looked at anew, for much may change meanwhile.
    private func claim(_ location: ShareLocation) throws(FerryError) -> PushClaim? {
        let mayWait = self.deadline.map { .now() < $0 } ?? true
        let claim = try self.access.services.claims.claim(location, for: self.access, mayWait: mayWait)
        if claim == nil, self.deadline == nil {
            let patience = self.access.services.claims.patience
            self.deadline = .now() + patience
            self.access.session.wake(in: patience)
        }
        return claim
    }

    private func start(_ location: ShareLocation, _ old: SourceFile?) throws(FerryError) -> FileReceiver? {
        let services = self.access.services
        let size = self.request.hasSize ? self.request.size : nil
        let modified = try self.request.hasMetadata ? self.request.metadata.modified() : nil
        try services.roots.checkSpace(location, for: 0)
        guard let claim = try self.claim(location) else { return nil }
        let partial = try location.root.createPartial(
            for: location.path,
            makeParents: self.request.makeParents,
            owner: self.access.user.text
        )
        let destination = ShareDestination(
            partial: partial,
            location: location,
            roots: services.roots,
            claim: claim,
            mode: self.mode,
            modified: modified
        )
        let kept = UInt64(clamping: partial.kept?.allocated ?? 0)
        // Of a sparse file only the data need room.
        let space = size.map { self.request.metadata.hasAllocated ? min($0, self.request.metadata.allocated) : $0 } ?? 0
        do throws(FerryError) {
            try services.roots.checkSpace(location, for: space > kept ? space - kept : 0)
        } catch {
            destination.abandon(keeping: true)
            throw error
        }
        let (session, announced) = (self.access.session, self.access.limits.blockWindow)
        return FileReceiver(
            destination: destination,
            announcedSize: size,
            old: old,
            isSparse: self.request.metadata.hasAllocated,
            decidesAhead: self.request.ahead,
            limits: self.access.limits,
            window: { session.window(announced) }
        )
    }
}
