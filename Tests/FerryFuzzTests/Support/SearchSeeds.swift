import FerryErrors
import FerryWire
import FoundationEssentials

/// Inputs that are about searches in snapshots and their comparison.
enum SearchSeeds {
    static let messages: [Seeds.Seed] = [
        ("find-every-field", [Self.find]), ("findings-every-field", [Self.findings]),
        ("findings-hostile", [Self.hostileFindings]), ("diff-every-field", [Self.diff]),
        ("differences-every-field", [Self.differences]), ("differences-hostile", [Self.hostileDifferences]),
    ]

    static let frames: [Seeds.Seed] = [
        ("find", [Self.find]), ("findings", [Self.findings]), ("diff", [Self.diff]),
        ("differences", [Self.differences]),
    ]

    private static let find: Frame = {
        var find = WireFind()
        find.path = Data("laptops".utf8)
        find.patterns = [Data("*.[a-o]".utf8), Data("!/etc/**/x".utf8)]
        find.ignoreCase = true
        find.kinds = 5
        find.minSize = 1
        find.maxSize = .max
        find.newerThan = .min
        find.olderThan = 2_000_000_000
        find.host = Data("h".utf8)
        find.backedUp = Data("/etc".utf8)
        find.tag = "nightly"
        return .find(find)
    }()

    private static let entry: WireEntry = {
        var entry = WireEntry()
        entry.kind = .symlink
        entry.size = 6
        entry.target = Data("../b".utf8)
        (entry.user.id, entry.user.name) = (1000, Data("carol".utf8))
        (entry.group.id, entry.group.isGroup) = (50, true)
        entry.metadata.mode = 0o644
        entry.metadata.modifiedSeconds = 1_767_225_600
        return entry
    }()

    private static let searched: WireSearched = {
        var searched = WireSearched()
        searched.id = Data(repeating: 1, count: 32)
        searched.seconds = 1_767_225_600
        searched.owner = "carol"
        searched.host = Data("h".utf8)
        searched.first = true
        return searched
    }()

    private static func finding(_ what: WireFinding.OneOf_What) -> WireFinding {
        var finding = WireFinding()
        finding.what = what
        return finding
    }

    private static let findings: Frame = {
        var found = WireFound()
        found.path = Data("etc/a.txt".utf8)
        found.entry = Self.entry
        found.version = Data(repeating: 2, count: 32)
        var problem = WireProblem()
        problem.path = Data("etc".utf8)
        problem.failure = WireFailure(FerryError(.integrity, "damaged"))
        let gone = Data("etc/b".utf8)
        return .findings([
            Self.finding(.searched(Self.searched)), Self.finding(.found(found)), Self.finding(.gone(gone)),
            Self.finding(.problem(problem)),
        ])
    }()

    private static let hostileFindings: Frame = {
        var first = Self.searched
        first.id = Data(repeating: 1, count: 1)
        first.seconds = .min
        first.host = Data([0x1B, 0xFF] as [UInt8])
        var found = WireFound()
        found.path = Data([0x2F, 0, 0x1B] as [UInt8])
        found.entry.size = .max
        var last = Self.searched
        last.seconds = .max
        let above = Data("../x".utf8)
        return .findings([
            Self.finding(.gone(above)), Self.finding(.searched(first)), Self.finding(.found(found)),
            Self.finding(.searched(last)), Self.finding(.gone(Data())),
        ])
    }()

    private static let diff: Frame = {
        var diff = WireDiff()
        diff.old = Data("laptops@16a0eeb0".utf8)
        diff.new = Data("laptops@latest/etc".utf8)
        diff.contentOnly = true
        diff.collapse = true
        return .diff(diff)
    }()

    private static let differences: Frame = {
        var (changed, added, failed) = (WireDifference(), WireDifference(), WireDifference())
        changed.path = Data("a.txt".utf8)
        changed.old = Self.entry
        changed.new = Self.entry
        changed.reasons = 8
        added.path = Data("d".utf8)
        added.new = Self.entry
        added.files = 2
        added.bytes = 12
        failed.path = Data("e".utf8)
        failed.failure = WireFailure(FerryError(.integrity, "damaged"))
        return .differences([changed, added, failed])
    }()

    private static let hostileDifferences: Frame = {
        var difference = WireDifference()
        difference.path = Data([0x1B, 0x2F] as [UInt8])
        difference.reasons = .max
        difference.old.kind = .directory
        difference.old.size = .max
        difference.old.metadata.modifiedSeconds = .max
        difference.files = .max
        difference.bytes = .max
        return .differences([difference, WireDifference()])
    }()
}
