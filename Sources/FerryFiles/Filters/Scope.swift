/// A list of rules where the walk is now.
struct Scope: Sendable {
    let rules: RuleList
    /// The steps that the entries of this directory may take.
    private let open: StepSet

    /// The rules in the directory where they stand; nil if they say nothing.
    init?(_ rules: RuleList) { self.init(rules, open: rules.start) }

    private init?(_ rules: RuleList, open: StepSet) {
        guard rules.isAnywhere || !open.isEmpty else { return nil }
        self.rules = rules
        self.open = open
    }

    /// Whether it is the same in all directories below.
    var isConstant: Bool { self.open.isEmpty }

    /// Whether an entry is excluded or included; nil if no rule matches it.
    func verdict(_ name: [UInt8], isDirectory: Bool) -> Bool? {
        self.rules.verdict(name, isDirectory: isDirectory, open: self.open)
    }

    /// The rules in a directory below; nil if they say nothing from there on.
    func entering(_ name: [UInt8]) -> Scope? {
        self.isConstant ? self : Scope(self.rules, open: self.rules.entering(name, open: self.open))
    }
}
