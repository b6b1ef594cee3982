import FerryCatalog
import FerryErrors
import FerryRepository

// What is asked about repositories.
extension AdminExecutor {
    func addRepository(_ name: Name, _ path: String) throws(FerryError) {
        if let old = try self.catalog.share(name), old.path == path, old.isRepository { return }
        do throws(FerryError) {
            try Repository.create(at: path, averageChunk: Repositories.averageChunk)
        } catch {
            // One that is there is served as it is.
            guard error.code == .exists, Repository.isThere(path) else { throw error }
        }
        try self.catalog.addShare(name, path: path, isRepository: true)
    }

    /// Verifies a repository.
    ///
    /// - Parameters:
    ///   - name: of the repository.
    ///   - percent: of its packs that are read whole; nil for none.
    /// - Returns: what was found.
    /// - Throws: `.notFound`, and what reading met.
    func verify(_ name: Name, percent: Int?) throws(FerryError) -> VerifyOutcome {
        let depth: VerifyDepth =
            switch percent {
            case nil: .quick
            case .some(let percent) where percent >= 100: .full
            case .some(let percent): .sampled(percent: percent)
            }
        return try self.with(name) { repository throws(FerryError) in
            VerifyOutcome(try repository.verify(depth) { _ in })
        }
    }

    func statistics(_ name: Name) throws(FerryError) -> RepositoryFacts {
        try self.with(name) { repository throws(FerryError) in RepositoryFacts(try repository.statistics()) }
    }

    func rebuildIndex(_ name: Name) throws(FerryError) {
        try self.with(name) { repository throws(FerryError) in try repository.rebuildIndex { _ in } }
    }

    private func with<Result>(
        _ name: Name,
        _ work: (Repository) throws(FerryError) -> Result
    ) throws(FerryError) -> Result {
        guard let record = try self.catalog.share(name), record.isRepository else {
            throw FerryError(.notFound, "there is no repository \(name)", remedy: "see 'ferryd repository list'")
        }
        do throws(FerryError) { return try work(try self.repositories.repository(record)) } catch {
            // An administrator may know where it lies.
            guard let cause = error.cause as? FerryError else { throw error }
            throw cause
        }
    }
}
