import Foundation

/// How often a random test is repeated: a little in each run, much more under `Scripts/soak`.
package enum Soak {
    package static func count(_ usual: Int, soak: Int) -> Int {
        ProcessInfo.processInfo.environment["FERRY_SOAK"] == "1" ? soak : usual
    }

    /// A fresh seed, or the one that `FERRY_SEED` repeats; printed at once, for a trap leaves no time to print it.
    package static func seed(_ name: String) -> UInt64 {
        let repeated = ProcessInfo.processInfo.environment["FERRY_SEED"].flatMap { UInt64($0) }
        let seed = repeated ?? UInt64.random(in: .min ... .max)
        FileHandle.standardError.write(Data("\(name): FERRY_SEED=\(seed)\n".utf8))
        return seed
    }
}
