import FerryCatalog
import Testing

@Suite struct IndexGenerationTests {
    /// What was found out with an index that was replaced counts for nothing with the new one.
    @Test func eachIndexBeginsWithAnother() throws {
        let directory = try TestCatalog()
        let generations = try (0..<4).map { number in
            let path = "\(directory.directory)/index-\(number).sqlite"
            let index = try RepositoryIndex(path: path, repository: [UInt8](repeating: 1, count: 16))
            return try index.generation()
        }
        #expect(Set(generations).count == 4 && generations.allSatisfy { $0 >= 0 }, "\(generations)")
    }
}
