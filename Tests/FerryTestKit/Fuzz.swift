/// Gives a check every input of a corpus, and mutants of them; the first that it rejects is told with all that is needed
/// to repeat it.
package struct Fuzz: Sendable {
    private let corpus: Corpus
    private let mutator: Mutator

    /// - Parameters:
    ///   - corpus: the folder's name.
    ///   - tokens: words of the input's language.
    ///   - maximumLength: bytes that a mutant may have.
    /// - Throws: ``Corpus/Malformed``.
    package init(_ corpus: String, tokens: [String] = [], maximumLength: Int = 1 << 16) throws {
        self.corpus = try Corpus(corpus)
        self.mutator = Mutator(self.corpus, tokens: tokens, maximumLength: maximumLength)
    }

    /// - Parameters:
    ///   - mutants: how many in a usual run; under `Scripts/soak` five hundred times as many.
    ///   - name: of the test.
    ///   - check: throws if an input does not have what must be true of it.
    /// - Throws: ``Failure`` with the input.
    package func run(
        mutants: Int,
        name: String = #function,
        _ check: ([UInt8], inout SeededGenerator) throws -> Void
    ) throws {
        let seed = Soak.seed(name)
        for (number, input) in self.corpus.inputs.enumerated() {
            var generator = SeededGenerator(seed: seed &+ UInt64(number))
            try Self.judge(input.bytes, "the input \(input.name)", seed, &generator, check)
        }
        for number in 0..<Soak.count(mutants, soak: mutants * 500) {
            var generator = SeededGenerator(seed: (seed &+ UInt64(number)) &* 0x2545_F491_4F6C_DD1D)
            guard let input = self.corpus.inputs.randomElement(using: &generator) else { return }
            let mutant = self.mutator.mutate(input.bytes, &generator)
            try Self.judge(mutant, "mutant \(number), of \(input.name)", seed, &generator, check)
        }
    }

    private static func judge(
        _ bytes: [UInt8],
        _ what: String,
        _ seed: UInt64,
        _ generator: inout SeededGenerator,
        _ check: ([UInt8], inout SeededGenerator) throws -> Void
    ) throws {
        do { try check(bytes, &generator) } catch {
            throw Failure(description: "\(error)\n\(what), FERRY_SEED=\(seed):\n\(Self.hex(bytes))")
        }
    }

    /// As a file of the corpus holds it.
    package static func hex(_ bytes: [UInt8]) -> String {
        bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined(separator: " ")
    }

    package struct Failure: Error, CustomStringConvertible {
        package let description: String

        package init(description: String) { self.description = description }
    }
}

/// What was to hold and did not.
package struct Broken: Error, CustomStringConvertible {
    package let description: String

    package init(description: String) { self.description = description }
}

/// Throws ``Broken`` unless `condition` holds; cheaper than an expectation, for checks that are made a million times.
package func hold(_ condition: Bool, _ what: @autoclosure () -> String) throws {
    if !condition { throw Broken(description: what()) }
}
