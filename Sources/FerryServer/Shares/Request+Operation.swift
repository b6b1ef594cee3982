import FerryErrors
import FerryProtocol
import FerryWire
import FoundationEssentials

/// A request as a log line names it.
struct RequestName: Sendable {
    let verb: String
    /// Escaped.
    let path: String
    /// Whether it moves data.
    let isTransfer: Bool
    /// Whether it needs as much memory as a transfer.
    let takesMemory: Bool
}

extension Request {
    /// The work that this request asks for.
    func operation(access: ShareAccess, peerLimits: FrameLimits) -> sending any FrameOperation {
        switch self {
        case .push(let push): PushOperation(request: push, access: access)
        case .pull(let pull): PullOperation(request: pull, access: access, peerLimits: peerLimits)
        case .pushTree(let push): PushTreeOperation(request: push, access: access)
        case .pullTree(let pull): PullTreeOperation(request: pull, access: access, peerLimits: peerLimits)
        case .list(let list): ListOperation(request: list, access: access)
        case .stat(let stat): SimpleOperation.stat(stat, access)
        case .remove(let remove): SimpleOperation.remove(remove, access)
        case .makeDirectory(let make): SimpleOperation.makeDirectory(make, access)
        case .backup(let backup): BackupOperation(request: backup, access: access)
        case .snapshots(let snapshots): SnapshotsOperation(request: snapshots, access: access)
        case .find(let find): FindOperation(request: find, access: access)
        case .diff(let diff): DiffOperation(request: diff, access: access)
        }
    }

    var name: RequestName {
        switch self {
        case .push(let push): RequestName("push", push.path, isTransfer: true)
        case .pull(let pull): RequestName("pull", pull.path, isTransfer: true)
        case .pushTree(let push): RequestName("push-tree", push.path, isTransfer: true)
        case .pullTree(let pull): RequestName("pull-tree", pull.path, isTransfer: true)
        case .list(let list): RequestName("list", list.path)
        case .stat(let stat): RequestName("stat", stat.path)
        case .remove(let remove): RequestName("remove", remove.path)
        case .makeDirectory(let make): RequestName("mkdir", make.path)
        case .backup(let backup): RequestName("backup", backup.repository, isTransfer: true)
        case .snapshots(let snapshots): RequestName("snapshots", snapshots.repository)
        case .find(let find): RequestName("find", find.path, takesMemory: true)
        case .diff(let diff): RequestName("diff", diff.new, takesMemory: true)
        }
    }
}

extension RequestName {
    fileprivate init(_ verb: String, _ path: Data, isTransfer: Bool = false, takesMemory: Bool = false) {
        self.init(
            verb: verb,
            path: Escaping.escape(path.prefix(4096)),
            isTransfer: isTransfer,
            takesMemory: isTransfer || takesMemory
        )
    }
}
