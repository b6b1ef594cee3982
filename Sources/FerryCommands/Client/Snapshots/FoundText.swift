import FerryChunking
import FerryErrors
import FerryWire
import FoundationEssentials

/// A version of something that was found, in words and as JSON. Everything in it comes from the daemon, and is escaped.
package struct FoundText {
    package static let titles =
        Self.columns(["SNAPSHOT", "TIME", "IN", "SIZE", "MODIFIED", "HOST", "PATH"])

    private let version: FoundVersion

    package init(_ version: FoundVersion) { self.version = version }

    /// `3f2a81c0  2026-01-31T12:00:00Z     12          3264  2026-01-20T08:11:02Z  laptop  etc/ssh/sshd_config`
    package var line: String {
        let entry = EntryText(self.version.entry)
        return Self.columns([
            String(self.version.newest.id.description.prefix(8)), EntryText.time(self.version.newest.seconds),
            self.version.count.map { String($0) } ?? "-",
            self.version.entry.kind == .file ? String(self.version.entry.size) : "-", entry.modified,
            Escaping.escape(self.version.host), Escaping.escape(self.version.path) + entry.mark,
        ])
    }

    package var json: String {
        let (version, entry) = (self.version, EntryText(self.version.entry))
        return JSONLine.encode(
            Event(
                path: Escaping.escape(version.path),
                kind: entry.kind,
                size: version.entry.size,
                mode: entry.mode,
                modified: entry.modified,
                owner: Escaping.escape(version.owner),
                host: Escaping.escape(version.host),
                snapshot: version.newest.id.description,
                time: EntryText.time(version.newest.seconds),
                snapshots: version.count,
                oldest: version.count.map { _ in version.oldest.id.description },
                oldestTime: version.count.map { _ in EntryText.time(version.oldest.seconds) }
            )
        )
    }

    private struct Event: Encodable {
        let event = "found"
        let path: String
        let kind: String
        let size: UInt64
        let mode: String
        let modified: String
        let owner: String
        let host: String
        let snapshot: String
        let time: String
        let snapshots: Int?
        let oldest: String?
        let oldestTime: String?

        private enum CodingKeys: String, CodingKey {
            case event, path, kind, size, mode, modified, owner, host, snapshot, time, snapshots, oldest, oldestTime
        }
    }

    /// Fixed widths, so that lines can be written as they come.
    private static func columns(_ cells: [String]) -> String {
        let widths = [8, 20, -4, -12, 20, 12, 0]
        return zip(cells, widths).map { cell, width in
            let blanks = String(repeating: " ", count: max(0, abs(width) - cell.count))
            return width < 0 ? blanks + cell : cell + blanks
        }
        .joined(separator: "  ")
    }
}

extension OutputOptions {
    /// Tells what could not be looked through.
    func report(_ problem: WireProblem, in snapshot: FoundVersion.Snapshot?) {
        let place = snapshot.map { " in the snapshot \($0.id.description.prefix(8))" } ?? ""
        self.report(FerryError(peer: problem.failure), path: problem.path, place)
    }

    /// Tells what of a snapshot could not be read, on standard error, and with `--json` on standard output.
    func report(_ error: FerryError, path: Data, _ place: String = "") {
        let path = path.isEmpty ? "/" : Escaping.escape(path)
        var named = error
        named.message = "\(path)\(place): \(error.message)"
        StandardError.write(self.messages.text(for: named))
        // Standard output may be what failed; standard error has the reason then.
        if self.json { try? StandardOutput.write(line: JSONLine.encode(ErrorEvent(error, path: path))) }
    }
}
