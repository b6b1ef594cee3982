import ArgumentParser
import FerryErrors
import FerryFiles
import FerryServer
import Glibc

/// `--state`, which every ferryd command takes.
struct StateOptions: ParsableArguments {
    @Option(
        name: .customLong("state"),
        help: "State directory (else FERRY_STATE, $STATE_DIRECTORY, /var/lib/ferry or XDG)."
    )
    var flag: String?

    /// The directory that is meant.
    func path(environment: [String: String]) throws(FerryError) -> String {
        try StateLocation.resolve(
            flag: self.flag,
            environment: environment,
            user: geteuid(),
            ownerOf: { try? Directories.info($0).owner }
        )
    }
}
