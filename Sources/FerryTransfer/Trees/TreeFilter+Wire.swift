package import FerryErrors
package import FerryFiles
package import FerryWire
import FoundationEssentials

extension TreeFilter {
    /// What a peer asks for.
    ///
    /// - Throws: `usage` or `configuration` for rules that are none.
    package init(_ wire: WireFilter) throws(FerryError) {
        self.init()
        for rule in wire.rules {
            if rule.include { try self.include(rule.pattern) } else { try self.exclude(rule.pattern) }
        }
        self.readsIgnoreFiles = !wire.noIgnoreFiles
        self.skipsCacheDirectories = wire.excludeCaches
        if wire.hasMinSize { self.minSize = Int64(clamping: wire.minSize) }
        if wire.hasMaxSize { self.maxSize = Int64(clamping: wire.maxSize) }
        if wire.hasNewerThan { self.newerThan = Timestamp(seconds: wire.newerThan) }
        if wire.hasOlderThan { self.olderThan = Timestamp(seconds: wire.olderThan) }
        if !wire.paths.isEmpty {
            self.includedPaths = try IncludedPaths([UInt8](wire.paths), named: "the list of paths")
        }
    }
}
