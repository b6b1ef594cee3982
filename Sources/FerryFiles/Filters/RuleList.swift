/// The patterns that stand in one place, made ready to be asked name by name on the way down a tree.
///
/// Patterns about a path are an automaton over names: a directory of the walk holds the set of steps that its entries may
/// take next. So a name costs one comparison for each pattern that can still match, however long its path, and nothing is
/// matched again that the directories above have matched.
final class RuleList: Sendable {
    /// What a pattern says of that which it matches.
    private struct Rule: Sendable {
        /// Its place among the patterns: the last one that matches wins.
        let place: Int
        let excludes: Bool
        let isDirectoryOnly: Bool
    }

    /// A step, and what its pattern says once it is taken as the last one.
    private struct Step: Sendable {
        let step: PathStep
        let isLast: Bool
        let rule: Rule

        func takes(_ name: [UInt8]) -> Bool {
            switch self.step {
            case .name(let pattern): pattern.matches(name)
            case .anyDepth: true
            }
        }
    }

    /// Patterns about names at any depth.
    private let anywhere: [(name: NamePattern, rule: Rule)]
    /// The steps of all patterns about paths, one pattern after the other.
    private let steps: [Step]
    /// The steps that are the last of their pattern.
    private let lasts: StepSet
    /// The steps that the entries of the directory may take in which the patterns stand.
    let start: StepSet
    /// Bytes of the file that they come from.
    let size: Int

    /// - Parameters:
    ///   - patterns: in their order.
    ///   - size: bytes of the file that they come from.
    init(_ patterns: [IgnorePattern], size: Int = 0) {
        var anywhere: [(name: NamePattern, rule: Rule)] = []
        var steps: [Step] = []
        var firsts: [Int] = []
        for (place, pattern) in patterns.enumerated() where pattern.canMatch {
            let rule = Rule(place: place, excludes: !pattern.isNegated, isDirectoryOnly: pattern.isDirectoryOnly)
            if !pattern.isAnchored, case .name(let name)? = pattern.steps.first {
                anywhere.append((name, rule))
            } else {
                firsts.append(steps.count)
                for (index, step) in pattern.steps.enumerated() {
                    steps.append(Step(step: step, isLast: index == pattern.steps.count - 1, rule: rule))
                }
            }
        }
        var (lasts, start) = (StepSet(), StepSet())
        for index in steps.indices where steps[index].isLast { lasts.insert(index, of: steps.count) }
        for first in firsts { Self.open(first, of: steps, in: &start) }
        self.anywhere = anywhere
        self.steps = steps
        self.lasts = lasts
        self.start = start
        self.size = size
    }

    /// Whether names can be matched where no step is left to take.
    var isAnywhere: Bool { !self.anywhere.isEmpty }

    /// Whether an entry, which may take the steps that are open, is excluded or included; nil if no pattern matches it.
    func verdict(_ name: [UInt8], isDirectory: Bool, open: StepSet) -> Bool? {
        var found: Rule?
        for index in self.anywhere.indices.reversed() {
            let rule = self.anywhere[index].rule
            guard isDirectory || !rule.isDirectoryOnly, self.anywhere[index].name.matches(name) else { continue }
            found = rule
            break
        }
        var next = open.last(below: self.steps.count, in: self.lasts)
        while let index = next {
            let rule = self.steps[index].rule
            if let found, found.place > rule.place { break }
            if isDirectory || !rule.isDirectoryOnly, self.steps[index].takes(name) { return rule.excludes }
            next = open.last(below: index, in: self.lasts)
        }
        return found?.excludes
    }

    /// The steps that the entries of a directory may take, which itself may take the steps that are open.
    func entering(_ name: [UInt8], open: StepSet) -> StepSet {
        var entered = StepSet()
        var next = open.next(from: 0)
        while let index = next {
            next = open.next(from: index + 1)
            if case .anyDepth = self.steps[index].step {
                Self.open(index, of: self.steps, in: &entered)
            } else if !self.steps[index].isLast, self.steps[index].takes(name) {
                Self.open(index + 1, of: self.steps, in: &entered)
            }
        }
        return entered
    }

    /// Opens a step; any number of directories may be none, so what comes behind them is open too.
    private static func open(_ index: Int, of steps: [Step], in set: inout StepSet) {
        set.insert(index, of: steps.count)
        // Two of them never follow each other.
        if case .anyDepth = steps[index].step, !steps[index].isLast { set.insert(index + 1, of: steps.count) }
    }
}
