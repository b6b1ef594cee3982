import FerryFiles
import Synchronization

/// System calls of which some fail, by their number.
final class FailingCalls: Sendable {
    private let name: SystemCalls.Name?
    private let fails: @Sendable (Int) -> Bool
    private let code: Int32
    private let count = Mutex(0)

    /// - Parameters:
    ///   - name: the calls that are counted; nil counts all.
    ///   - numbers: of those that fail, from 0 on.
    ///   - code: errno that they fail with.
    init(_ name: SystemCalls.Name?, _ numbers: some RangeExpression<Int> & Sendable, _ code: Int32) {
        self.name = name
        self.fails = { numbers.contains($0) }
        self.code = code
    }

    /// Calls that were counted so far.
    var counted: Int { self.count.withLock { $0 } }

    var calls: SystemCalls {
        SystemCalls { name, _ in
            guard self.name == nil || self.name == name else { return .proceed }
            let number = self.count.withLock { count in
                defer { count += 1 }
                return count
            }
            return self.fails(number) ? .fail(self.code) : .proceed
        }
    }
}
