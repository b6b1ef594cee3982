import FerryChunking
package import FerryErrors
package import FerryProtocol
package import FerryTransfer

/// One file of a job, as it is shown.
package struct TransferLabel: Sendable, Equatable {
    package enum Direction: String, Sendable { case push, pull, backup }

    package let direction: Direction
    /// The local path as the user gave it, or `-` for a stream.
    package let local: [UInt8]
    /// What the local side is called in messages, escaped.
    package let localName: String
    /// `SERVER:SHARE/PATH`, escaped.
    package let remote: String

    /// - Parameters:
    ///   - direction: push or pull.
    ///   - local: the local path, or `-`.
    ///   - stream: what a stream is called, escaped; nil for a file.
    ///   - remote: the remote path, escaped.
    package init(direction: Direction, local: [UInt8], stream: String? = nil, remote: String) {
        self.direction = direction
        self.local = local
        self.localName = stream ?? Escaping.escape(local)
        self.remote = remote
    }

    /// What is read, escaped: by this name a failure is reported.
    package var source: String { self.direction == .pull ? self.remote : self.localName }

    /// What is written, escaped.
    package var target: String { self.direction == .pull ? self.localName : self.remote }

    /// The short name for a progress line, escaped.
    package var name: String {
        let parts = self.source.split(separator: "/")
        return parts.last.map(String.init) ?? self.source
    }
}

/// What a job did.
package struct JobTotals: Sendable, Equatable {
    /// Files that were transferred, and that were not.
    package var files = 0
    package var failed = 0
    package var bytes: UInt64 = 0
    package var wireBytes: UInt64 = 0
    package var savedBytes: UInt64 = 0
    package var seconds = 0.0
    private var isEmpty = true
    /// There is a single tree, which has said everything itself.
    private(set) var isOneTree = false
    /// The numbers say what would be done.
    private(set) var isDryRun = false

    package init() {}

    /// Adds a file or a tree that was transferred.
    package mutating func add(_ summary: TransferSummary) {
        self.files += summary.tree.map { $0.files - min($0.files, $0.failed) } ?? 1
        self.failed += summary.tree?.failed ?? 0
        self.isOneTree = self.isEmpty && summary.tree != nil
        self.isEmpty = false
        self.isDryRun = summary.isDryRun
        self.bytes += summary.bytes
        self.wireBytes += summary.wireBytes
        self.savedBytes += summary.savedBytes
    }
}

/// Tells the user how a job goes. Progress comes from a thread that moves the bytes, the rest from the job.
package protocol Reporter: Sendable {
    /// Whether it shows progress while a file is on its way, so that it is worth asking how much there is to do.
    var isLive: Bool { get }
    /// The job begins.
    ///
    /// - Parameters:
    ///   - files: how many.
    ///   - bytes: of all files, or nil if that is not known.
    func began(files: Int, bytes: UInt64?)
    /// A file begins.
    func started(_ label: TransferLabel)
    /// The file's size is known.
    func sized(_ bytes: UInt64)
    /// The file is so far.
    func progressed(_ summary: TransferSummary)
    /// The file is done and durable.
    ///
    /// - Throws: what standard output says.
    func finished(_ label: TransferLabel, _ summary: TransferSummary, seconds: Double) throws(FerryError)
    /// The file failed, or, without a label, the job.
    func failed(_ label: TransferLabel?, _ error: FerryError)
    /// Something in a tree is changed, or would be, for whoever wants to know each.
    ///
    /// - Parameters:
    ///   - change: which.
    ///   - isVerification: whether the two sides are only compared.
    /// - Throws: what standard output says.
    func changed(_ change: TreeChange, isVerification: Bool) throws(FerryError)
    /// A FIFO, a socket or a device node in a tree was left out, for nobody asked for those.
    func skipped(_ label: TransferLabel)
    /// Something in a tree failed; the rest of the tree goes on.
    func failedInside(_ label: TransferLabel, _ error: FerryError)
    /// The job ends.
    ///
    /// - Throws: what standard output says.
    func ended(_ totals: JobTotals) throws(FerryError)
    /// Some time has passed.
    func ticked()
    /// The process ends now: what is printed next begins on a clean line, and nothing else comes between.
    func interrupted()
}

extension Reporter {
    package var isLive: Bool { false }
    package func began(files: Int, bytes: UInt64?) {}
    package func started(_ label: TransferLabel) {}
    package func sized(_ bytes: UInt64) {}
    package func progressed(_ summary: TransferSummary) {}
    package func ticked() {}
    package func interrupted() {}
    package func changed(_ change: TreeChange, isVerification: Bool) throws(FerryError) {
        try StandardOutput.write(line: ChangeText.line(change, isVerification: isVerification))
    }
    package func failedInside(_ label: TransferLabel, _ error: FerryError) { self.failed(label, error) }
}

/// How a failure reads on standard error: the file is named if the message does not do so itself.
enum FailureText {
    static func line(_ label: TransferLabel?, _ error: FerryError, _ messages: Messages) -> String {
        messages.text(for: self.naming(label, error))
    }

    static func naming(_ label: TransferLabel?, _ error: FerryError) -> FerryError {
        guard let label, !error.message.contains(label.source) else { return error }
        var named = error
        named.message = "\(label.source): \(error.message)"
        return named
    }
}

/// What was left out, in words.
enum SkippedText {
    static func line(_ label: TransferLabel) -> String {
        "left out \(label.source): no file, directory or link; `--specials` takes FIFOs and device nodes"
    }
}

/// What one file did, in words.
enum FileText {
    /// `1.2 MB in 0.10 s, 12 MB/s, ratio 1.83, saved 0.6 MB`: what the receiver had did not travel.
    static func amounts(bytes: UInt64, wireBytes: UInt64, savedBytes: UInt64, seconds: Double) -> String {
        let rate = seconds > 0 ? Double(bytes) / seconds : 0
        let ratio = Amounts.ratio(bytes: bytes, wireBytes: wireBytes)
        let saved = savedBytes > 0 ? ", saved \(Amounts.bytes(savedBytes))" : ""
        return "\(Amounts.bytes(bytes)) in \(Amounts.duration(seconds)), \(Amounts.rate(rate)), "
            + "ratio \(Amounts.shown(ratio))\(saved)"
    }

    static func line(_ label: TransferLabel, _ summary: TransferSummary, seconds: Double) -> String {
        if label.direction == .backup { return "\(label.source) -> " + self.backup(label, summary, seconds) }
        if let tree = summary.tree {
            let line = summary.isDryRun ? self.plan(tree, summary, seconds) : ": " + self.line(tree, summary, seconds)
            return "\(label.source) -> \(label.target)\(line)"
        }
        if summary.isUnchanged {
            return "\(label.source) -> \(label.target): unchanged, \(Amounts.bytes(summary.bytes))"
        }
        let amounts = self.amounts(
            bytes: summary.bytes,
            wireBytes: summary.wireBytes,
            savedBytes: summary.savedBytes,
            seconds: seconds
        )
        return "\(label.source) -> \(label.target): \(amounts)"
    }

    /// What a snapshot's name has, and what had to be sent of it.
    private static func backup(_ label: TransferLabel, _ summary: TransferSummary, _ seconds: Double) -> String {
        let files = summary.tree?.files ?? 0
        let failed = summary.tree?.failed ?? 0
        let sent = summary.bytes - min(summary.bytes, summary.savedBytes)
        let name = summary.snapshot.map { "\(label.target)@\(String($0.description.prefix(8)))" }
        return "\(name ?? label.target + " (dry run)"): \(files) \(files == 1 ? "file" : "files"), "
            + "\(Amounts.bytes(summary.bytes)), new \(Amounts.bytes(sent))"
            + (summary.snapshot == nil ? "" : ", stored \(Amounts.bytes(summary.wireBytes))")
            + (failed > 0 ? ", \(failed) failed" : "") + ", in \(Amounts.duration(seconds))"
    }

    /// What would be done.
    private static func plan(_ tree: TreeCounts, _ summary: TransferSummary, _ seconds: Double) -> String {
        let failed = tree.failed > 0 ? ", \(tree.failed) failed" : ""
        let deleted = tree.deleted > 0 ? ", \(tree.deleted) would be deleted" : ""
        return " (dry run): \(tree.files) \(tree.files == 1 ? "file" : "files"), \(tree.changed) would change, "
            + "\(Amounts.bytes(summary.bytes))\(deleted)\(failed), in \(Amounts.duration(seconds))"
    }

    private static func line(_ tree: TreeCounts, _ summary: TransferSummary, _ seconds: Double) -> String {
        let failed = tree.failed > 0 ? ", \(tree.failed) failed" : ""
        let deleted = tree.deleted > 0 ? ", \(tree.deleted) deleted" : ""
        let head = "\(tree.files) \(tree.files == 1 ? "file" : "files"), \(tree.changed) changed\(deleted)\(failed)"
        guard tree.changed > 0 else { return "\(head), in \(Amounts.duration(seconds))" }
        let amounts = self.amounts(
            bytes: summary.bytes,
            wireBytes: summary.wireBytes,
            savedBytes: summary.savedBytes,
            seconds: seconds
        )
        return "\(head): \(amounts)"
    }

    /// The whole job: nil for a single file, which has said everything itself, and where nothing was moved.
    static func line(_ totals: JobTotals) -> String? {
        guard totals.files > 0, totals.files + totals.failed > 1, !totals.isOneTree else { return nil }
        let amounts = self.amounts(
            bytes: totals.bytes,
            wireBytes: totals.wireBytes,
            savedBytes: totals.savedBytes,
            seconds: totals.seconds
        )
        let failed = totals.failed > 0 ? ", \(totals.failed) failed" : ""
        return "\(totals.files) \(totals.files == 1 ? "file" : "files")\(failed): \(amounts)"
    }
}
