import FerryFiles
import Glibc
import Synchronization

/// Records the calls of the code under test, and does something else at one of them.
final class CallScript: Sendable {
    struct Record: Sendable, Equatable, CustomStringConvertible {
        let name: SystemCalls.Name
        /// What the descriptor was, and which, when the call was made.
        let isDirectory: Bool
        let inode: UInt64

        var description: String { "\(self.name.rawValue)(\(self.isDirectory ? "directory" : "file"))" }
    }

    private let state = Mutex<[Record]>([])
    private let verdict: @Sendable (_ index: Int, _ name: SystemCalls.Name) -> SystemCalls.Verdict

    /// - Parameter verdict: is asked at each call, by its index from 0.
    init(
        _ verdict: @escaping @Sendable (_ index: Int, _ name: SystemCalls.Name) -> SystemCalls.Verdict = { _, _ in
            .proceed
        }
    ) { self.verdict = verdict }

    /// Fails the call with this index, once.
    static func failing(at index: Int, _ errno: Int32) -> CallScript {
        CallScript { number, _ in number == index ? .fail(errno) : .proceed }
    }

    var records: [Record] { self.state.withLock { $0 } }

    var calls: SystemCalls {
        SystemCalls { name, descriptor in
            var status = stat()
            _ = fstat(descriptor, &status)
            let record = Record(
                name: name,
                isDirectory: status.st_mode & S_IFMT == S_IFDIR,
                inode: UInt64(status.st_ino)
            )
            let index = self.state.withLock { records in
                records.append(record)
                return records.count - 1
            }
            return self.verdict(index, name)
        }
    }
}

/// Counts.
final class CallCounter: Sendable {
    private let count = Mutex(0)

    /// 0 at first.
    func next() -> Int {
        self.count.withLock { count in
            defer { count += 1 }
            return count
        }
    }
}
