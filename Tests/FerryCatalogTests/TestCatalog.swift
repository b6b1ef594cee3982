import FerryCatalog
import FerryErrors
import FoundationEssentials
import Synchronization
import Testing

/// A catalog in a directory of its own and a clock that only the test moves.
final class TestCatalog: Sendable {
    let directory: String
    let clock = TestClock()

    var path: String { self.directory + "/catalog.sqlite" }

    init() throws {
        self.directory = FileManager.default.temporaryDirectory.path + "/ferry-catalog-\(UInt64.random(in: 0 ... .max))"
        try FileManager.default.createDirectory(atPath: self.directory, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: self.directory) }

    func open() throws -> Catalog {
        let clock = self.clock
        return try Catalog(path: self.path, now: { clock.now })
    }

    /// The bytes of the file and of SQLite's log, as far as they exist.
    func bytes() throws -> [UInt8] {
        try ["", "-wal"].flatMap { suffix in
            let path = self.path + suffix
            return FileManager.default.fileExists(atPath: path)
                ? Array(try Data(contentsOf: URL(filePath: path))) : []
        }
    }
}

final class TestClock: Sendable {
    private let seconds = Mutex<Int64>(1_700_000_000)

    var now: Int64 { self.seconds.withLock { $0 } }

    func advance(by difference: Int64) { self.seconds.withLock { $0 += difference } }
}

extension Name {
    static let alice = Name("alice", or: #line)
    static let bob = Name("bob", or: #line)
    static let inbox = Name("inbox", or: #line)
    static let outbox = Name("outbox", or: #line)

    private init(_ text: String, or line: UInt) {
        do { try self.init(text) } catch { preconditionFailure("line \(line): \(error)") }
    }
}

/// Runs `body` and returns the code of the error that it throws, or nil.
func code(_ body: () throws -> Void) -> FerryError.Code? {
    do { try body() } catch { return (error as? FerryError)?.code }
    return nil
}
