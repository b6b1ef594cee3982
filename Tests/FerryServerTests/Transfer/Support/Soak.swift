import Foundation

/// How often a random test is repeated: a little in each run, much more under `Scripts/soak`.
enum Soak {
    static func count(_ usual: Int, soak: Int) -> Int {
        ProcessInfo.processInfo.environment["FERRY_SOAK"] == "1" ? soak : usual
    }
}
