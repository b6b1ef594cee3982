package import FerryCatalog
package import FerryErrors
import FerryFiles

/// An open state directory: locked, of a layout that this release knows.
///
/// The lock is held as long as the value lives; whoever has it may open the catalog and replace the admin socket.
package final class StateDirectory: Sendable {
    /// One step from the layout before to the next; run again after a crash, so that it must be repeatable.
    package typealias Migration = @Sendable (StatePaths) throws(FerryError) -> Void

    /// The steps from layout 1 on: layout n + 1 comes of the n-th.
    package static let migrations: [Migration] = []

    /// Bytes that the version file may have: far more than a number needs.
    private static let versionLimit = 64

    package let paths: StatePaths
    /// The user id that owns the directory.
    package let owner: UInt32
    private let lock: DirectoryLock

    /// Makes the directory (0700) if it is missing, locks it, and migrates it forward.
    ///
    /// - Parameters:
    ///   - path: The directory, from ``StateLocation``.
    ///   - patience: How long another process that has it is waited for, in milliseconds.
    ///   - migrations: What leads from layout 1 to the current one.
    /// - Throws: `.locked` if another process has it, `.newerState` if a newer release wrote it, `.integrity` if its
    ///   version cannot be read, else what the file system says.
    package init(
        _ path: String,
        patience: Int = 0,
        migrations: [Migration] = StateDirectory.migrations
    ) throws(FerryError) {
        try Directories.makePrivate(path)
        let paths = StatePaths(root: try Directories.resolve(path))
        self.paths = paths
        self.owner = try Directories.info(paths.root).owner
        do { self.lock = try DirectoryLock(paths.root, patience: patience) } catch {
            guard error.code == .locked else { throw error }
            throw FerryError(
                .locked,
                "one daemon per state directory: \(error.message)",
                remedy: "stop that process, or give another directory with --state",
                cause: error
            )
        }
        try Self.migrate(paths, migrations)
    }

    /// Opens the accounts; the file is made with mode 0600.
    ///
    /// - Throws: As ``FerryCatalog/Catalog`` does, and what the file system says.
    package func openCatalog() throws(FerryError) -> Catalog {
        let path = self.paths.catalog
        do { _ = try Directories.info(path) } catch {
            guard error.code == .notFound else { throw error }
            try PrivateFile.write(path, [])
        }
        return try Catalog(path: path)
    }

    private static func migrate(_ paths: StatePaths, _ migrations: [Migration]) throws(FerryError) {
        let current = migrations.count + 1
        guard var version = try self.version(paths) else {
            return try self.record(current, paths)
        }
        guard version <= current else {
            throw FerryError(
                .newerState,
                "a newer release of ferryd wrote \(Escaping.escape(paths.root)) (layout \(version), known: \(current))",
                remedy: "run that release, or restore a copy from before the upgrade"
            )
        }
        for migration in migrations.dropFirst(version - 1) {
            try migration(paths)
            version += 1
            try self.record(version, paths)
        }
    }

    private static func record(_ version: Int, _ paths: StatePaths) throws(FerryError) {
        try PrivateFile.write(paths.version, Array("\(version)\n".utf8))
    }

    /// The recorded layout, or nil if the directory is new.
    private static func version(_ paths: StatePaths) throws(FerryError) -> Int? {
        let bytes: [UInt8]
        do { bytes = try Directories.readFile(paths.version, limit: self.versionLimit) } catch {
            guard error.code == .notFound else { throw error }
            return nil
        }
        let text = String(decoding: bytes, as: UTF8.self)
        let digits = text.hasSuffix("\n") ? text.dropLast() : text[...]
        guard digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let version = Int(digits), version >= 1 else {
            throw FerryError(
                .integrity,
                "\(Escaping.escape(paths.version)) holds no version number",
                remedy: "restore it from a backup; a directory of this release has \(self.migrations.count + 1) there"
            )
        }
        return version
    }
}
