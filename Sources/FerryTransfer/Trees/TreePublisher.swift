import Dispatch
import FerryErrors
import FerryFiles
import FerryProtocol
import Synchronization

/// Makes what was received of a tree durable and visible, many files at a time, on a thread of its own: what was written is
/// synced together, then gets its names. Those become durable with the next sync.
///
/// One sync for many files is four times faster than one for each, and it goes on while the next ones are written.
final class TreePublisher: Sendable {
    enum Action: Sendable {
        /// A sealed file takes the place of its target.
        case file(PartialFile, FileMetadata, path: [UInt8])
        /// A file gets a further name.
        case link(name: [UInt8], directory: OpenDirectory, first: [UInt8])
    }

    /// Why each action failed, or nil; or why the sync did.
    typealias Verdict = Result<[FerryError?], FerryError>

    private enum State {
        case idle
        case working
        case done(Verdict)
    }

    private let top: OpenDirectory
    private let queue = DispatchQueue(label: "ferry.publish")
    private let state = Mutex(State.idle)
    /// Hashes of the paths of what could not be transferred, for paths may be long. They are seeded: nobody chooses two that
    /// meet, and if two do, a further name is named as failed that need not be.
    private let failures = Mutex<Set<Int>>([])
    /// Past so many of them no further names are given at all.
    private static let failureLimit = 1 << 16

    init(top: OpenDirectory) { self.top = top }

    /// Something will not appear.
    func failed(_ path: [UInt8]) {
        self.failures.withLock { failures in
            if failures.count <= Self.failureLimit { failures.insert(path.hashValue) }
        }
    }

    var isIdle: Bool { self.state.withLock { if case .idle = $0 { true } else { false } } }

    /// Syncs and then acts; what came of it is to be taken.
    ///
    /// - Parameters:
    ///   - actions: in order; none to sync only.
    ///   - places: a directory on each of the file systems, opened before anything was written there.
    ///   - sink: woken when it is done.
    func publish(_ actions: [Action], syncing places: [OpenDirectory], sink: any FrameSink) {
        self.state.withLock { $0 = .working }
        self.queue.async {
            let verdict = self.publish(actions, syncing: places)
            self.state.withLock { $0 = .done(verdict) }
            sink.wake()
        }
    }

    /// What came of it, once; nil while it is being done, or if nothing was.
    func take() -> Verdict? {
        self.state.withLock { state in
            guard case .done(let verdict) = state else { return nil }
            state = .idle
            return verdict
        }
    }

    /// Returns when nothing is being done.
    func wait() { self.queue.sync {} }

    /// The same, at once.
    func publish(_ actions: [Action], syncing places: [OpenDirectory]) -> Verdict {
        do throws(FerryError) {
            for place in places { try place.sync() }
        } catch {
            // What a failed sync covered is not known to be whole: none of it may get its name.
            for case .file(let file, _, _) in actions { file.discard() }
            return .failure(error)
        }
        return .success(actions.map(self.perform))
    }

    private func perform(_ action: Action) -> FerryError? {
        do throws(FerryError) {
            switch action {
            case .file(let file, let metadata, _): return try file.replaceTarget(metadata)
            case .link(let name, let directory, let first):
                let hasFailed = self.failures.withLock { $0.contains(first.hashValue) || $0.count > Self.failureLimit }
                guard !hasFailed else {
                    throw FerryError(
                        .notFound,
                        "\(Escaping.escape(directory.path(of: name))) is the same file as \(Escaping.escape(first)), "
                            + "which could not be transferred"
                    )
                }
                let (parent, last) = try self.top.parent(of: first)
                try directory.makeHardLink(name, to: last, in: parent)
            }
            return nil
        } catch {
            switch action {
            case .file(let file, _, let path):
                file.discard()
                self.failed(path)
            case .link(let name, let directory, _): self.failed(directory.path(of: name))
            }
            return error
        }
    }
}
