import FerryClient
import FerryCommands
import FerryErrors
import Testing

@Suite struct PushPlanTests {
    private func file(_ path: String) -> PushPlan.Source { .file(LocalPath(Array(path.utf8))) }

    private func targets(_ sources: [PushPlan.Source], _ target: String, _ kind: PushPlan.Kind) throws -> [String] {
        try PushPlan(sources, to: RemotePath(target), kind: kind).items.map { "\($0.target)" }
    }

    private func refuses(_ sources: [PushPlan.Source], _ target: String, _ kind: PushPlan.Kind) {
        #expect { try self.targets(sources, target, kind) } throws: { ($0 as? FerryError)?.code == .usage }
    }

    @Test func oneFileGetsTheNameOrGoesInside() throws {
        let one = [self.file("dir/a")]
        #expect(try self.targets(one, "nas:inbox/x", .missing) == ["nas:inbox/x"])
        #expect(try self.targets(one, "nas:inbox/x", .other) == ["nas:inbox/x"])
        #expect(try self.targets(one, "nas:inbox/x", .unknown) == ["nas:inbox/x"])
        #expect(try self.targets(one, "nas:inbox/x", .directory) == ["nas:inbox/x/a"])
        #expect(try self.targets(one, "nas:inbox/x/", .missing) == ["nas:inbox/x/a"])
        #expect(try self.targets(one, "nas:inbox", .missing) == ["nas:inbox/a"])
    }

    @Test func severalNeedADirectory() throws {
        let two = [self.file("a"), self.file("d/b/")]
        #expect(try self.targets(two, "nas:inbox/x/", .missing) == ["nas:inbox/x/a", "nas:inbox/x/b"])
        #expect(try self.targets(two, "nas:inbox/x", .directory) == ["nas:inbox/x/a", "nas:inbox/x/b"])
        for kind in [PushPlan.Kind.missing, .other, .unknown] { self.refuses(two, "nas:inbox/x", kind) }
        self.refuses([self.file("a"), self.file("d/a")], "nas:inbox/x/", .directory)
        self.refuses([self.file("..")], "nas:inbox/", .directory)
    }

    @Test func streamsNeedAName() throws {
        for source in [PushPlan.Source.standardInput, .command([[0x61]])] {
            #expect(try self.targets([source], "nas:inbox/x", .missing) == ["nas:inbox/x"])
            self.refuses([source], "nas:inbox/x", .directory)
            self.refuses([source], "nas:inbox/x/", .missing)
            self.refuses([source], "nas:inbox", .directory)
        }
    }

    @Test func onlyASlashMakesParents() throws {
        for (target, makes) in [("nas:inbox/x/", true), ("nas:inbox/x", false), ("nas:inbox", false)] {
            let path = try RemotePath(target)
            #expect(try PushPlan([self.file("a")], to: path, kind: .directory).makeParents == makes)
            #expect(PushPlan.mustLook(at: path) == (target == "nas:inbox/x"))
        }
    }
}

@Suite struct PullPlanTests {
    private func targets(_ sources: [String], _ target: String?, _ kind: PullPlan.Kind) throws -> [String] {
        let local = target.map { LocalPath(Array($0.utf8)) }
        return try PullPlan(sources.map { try RemotePath($0) }, to: local, kind: kind).items.map { item in
            if case .file(let path) = item.target { "\(path)" } else { "-" }
        }
    }

    private func refuses(_ sources: [String], _ target: String?, _ kind: PullPlan.Kind) {
        #expect { try self.targets(sources, target, kind) } throws: { ($0 as? FerryError)?.code == .usage }
    }

    @Test func namesComeFromTheUser() throws {
        #expect(try self.targets(["nas:inbox/d/a"], "x", .missing) == ["x"])
        #expect(try self.targets(["nas:inbox/d/a"], "x", .file) == ["x"])
        #expect(try self.targets(["nas:inbox/d/a"], ".", .directory) == ["./a"])
        #expect(try self.targets(["nas:inbox/d/a", "o:x/b/"], "d/", .directory) == ["d/a", "d/b"])
        #expect(try self.targets(["nas:inbox/d/a"], nil, .other) == ["-"])
    }

    @Test func whatDoesNotFitIsRefused() {
        self.refuses(["nas:inbox"], ".", .directory)
        self.refuses(["nas:inbox/a", "nas:inbox/b"], nil, .other)
        self.refuses(["nas:inbox/a", "nas:inbox/b"], "x", .missing)
        self.refuses(["nas:inbox/a", "nas:inbox/b"], "x", .file)
        self.refuses(["nas:inbox/a", "nas:other/a"], ".", .directory)
        self.refuses(["nas:inbox/a"], "x/", .missing)
        self.refuses(["nas:inbox/a"], "x/", .file)
        self.refuses(["nas:inbox/a"], "/dev/null", .other)
    }
}
