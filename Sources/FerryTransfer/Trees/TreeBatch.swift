import FerryErrors
import FerryFiles
import FerryProtocol
import Synchronization

/// What has come whole and is to become durable and visible together, and what is just becoming so.
struct TreeBatch {
    private static let leastFiles = 64
    /// Files of all transfers of this process that wait to become durable.
    private static let waiting = Atomic<Int>(0)
    /// Of the files that the process may have open, the part that may wait.
    private static let allowed = OpenFiles.limit / 2
    /// Bytes that become durable together: what a failed sync, or a loss of power, has to be sent again.
    private static let byteLimit: UInt64 = 256 << 20
    /// How long what has come whole may wait for more. Who is killed every second still gets on.
    private static let patience = Duration.milliseconds(500)

    /// Whom an action is for.
    struct Subject {
        let directory: TargetDirectory
        /// From the top of the tree.
        let path: [UInt8]
    }

    private let publisher: TreePublisher
    private let mostFiles: Int
    private var actions: [TreePublisher.Action] = []
    private var subjects: [Subject] = []
    private var bytes: UInt64 = 0
    private var start: ContinuousClock.Instant?
    /// A sync has failed: what it covered is not known, and nothing may be published any more.
    private(set) var hasFailed = false
    /// Of what is being published.
    private var publishing: [Subject] = []
    /// One directory on each file system, opened before anything was written there.
    private var places: [UInt64: OpenDirectory] = [:]

    /// - Parameters:
    ///   - top: of the tree.
    ///   - mostFiles: that become durable together, where the process may have so many open.
    init(top: OpenDirectory, mostFiles: Int) {
        self.publisher = TreePublisher(top: top)
        self.mostFiles = mostFiles
    }

    /// Something is being published.
    var isBusy: Bool { !self.publisher.isIdle }
    /// All is published, though the last names may not be durable.
    var isEmpty: Bool { self.actions.isEmpty && !self.isBusy }
    /// Whether nothing more can be taken before something is published, with so many files that are being made.
    func isSaturated(with coming: Int) -> Bool { self.isFull(with: coming) && (self.isBusy || coming > 0) }

    private func isFull(with coming: Int) -> Bool {
        let count = self.actions.count + coming
        guard count < self.mostFiles else { return true }
        return count >= Self.leastFiles && Self.waiting.load(ordering: .relaxed) + coming >= Self.allowed
    }

    /// Whether it had better be published now, with so many files that are being made.
    func isDue(with coming: Int) -> Bool {
        guard !self.isBusy, !self.actions.isEmpty else { return false }
        return self.isFull(with: coming) || self.bytes >= Self.byteLimit
            || self.start.map { .now - $0 > Self.patience } ?? false
    }

    /// Something will not appear, so that no further name may be given to what has its name now.
    ///
    /// - Parameter path: from the top of the tree.
    func failed(_ path: [UInt8]) { self.publisher.failed(path) }

    mutating func entered(_ directory: TargetDirectory) {
        if self.places[directory.device] == nil { self.places[directory.device] = directory.directory }
    }

    mutating func add(_ action: TreePublisher.Action, _ subject: Subject, bytes: UInt64 = 0) {
        if self.actions.isEmpty { self.start = .now }
        self.actions.append(action)
        self.subjects.append(subject)
        Self.waiting.add(1, ordering: .relaxed)
        self.bytes += bytes
    }

    /// Publishes what is whole, unless something is being published.
    ///
    /// - Parameters:
    ///   - sink: woken when it is done.
    ///   - always: whether to sync although there is nothing to publish.
    mutating func publish(_ sink: any FrameSink, always: Bool = false) {
        guard !self.isBusy, always || !self.actions.isEmpty else { return }
        self.publisher.publish(self.actions, syncing: Array(self.places.values), sink: sink)
        self.publishing = self.subjects
        (self.actions, self.subjects, self.bytes, self.start) = ([], [], 0, nil)
    }

    /// What was published since the last call, and what could not be.
    ///
    /// - Throws: what syncing failed with: nothing of it is visible then.
    mutating func take() throws(FerryError) -> [(subject: Subject, error: FerryError?)] {
        guard let verdict = self.publisher.take() else { return [] }
        defer { Self.forget(&self.publishing) }
        if case .failure = verdict { self.hasFailed = true }
        return Array(zip(self.publishing, try verdict.get())).map { ($0, $1) }
    }

    /// Ends without more to come.
    ///
    /// - Parameter keeping: whether what is whole is published.
    mutating func abandon(keeping: Bool) {
        self.publisher.wait()
        _ = try? self.take()
        if keeping, !self.hasFailed {
            // What came of it is told to nobody: the next run finds the files in their places.
            if case .failure = self.publisher.publish(self.actions, syncing: Array(self.places.values)) {
                self.hasFailed = true
            }
        } else {
            for case .file(let file, _, _) in self.actions { file.discard() }
        }
        self.actions = []
        Self.forget(&self.subjects)
        Self.forget(&self.publishing)
    }

    private static func forget(_ subjects: inout [Subject]) {
        self.waiting.subtract(subjects.count, ordering: .relaxed)
        subjects = []
    }
}
