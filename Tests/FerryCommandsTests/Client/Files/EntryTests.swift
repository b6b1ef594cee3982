import FerryCommands
import FerryErrors
import FerryWire
import Foundation
import Testing

@Suite struct EntryTextTests {
    private func entry(_ kind: WireEntry.Kind, _ name: [UInt8] = Array("x".utf8)) -> WireEntry {
        var entry = WireEntry()
        entry.name = Data(name)
        entry.kind = kind
        entry.size = 1234
        entry.metadata.mode = 0o4751
        entry.metadata.modifiedSeconds = 1_234_567_890
        return entry
    }

    @Test func showsKinds() {
        for (kind, short, long) in [
            (WireEntry.Kind.file, "x", "-rwsr-x--x"), (.directory, "x/", "drwsr-x--x"), (.symlink, "x", "lrwsr-x--x"),
            (.other, "x", "?rwsr-x--x"),
        ] {
            let text = EntryText(self.entry(kind))
            #expect(text.short == short)
            #expect(text.long == "\(long)  -                         1234  2009-02-13T23:31:30Z  \(short)")
        }
        #expect(EntryText(self.entry(.share)).long == "x/")
        #expect(EntryText(self.entry(.share)).json() == #"{"event":"entry","kind":"share","name":"x"}"#)
    }

    @Test(
        arguments: [
            (0o0644, "rw-r--r--"), (0o4644, "rwSr--r--"), (0o6755, "rwsr-sr-x"), (0o2640, "rw-r-S---"),
            (0o1777, "rwxrwxrwt"),
            (0o1776, "rwxrwxrwT"), (0o7000, "--S--S--T"), (0o7111, "--s--s--t"),
        ] as [(UInt32, String)]
    ) func showsAllBits(_ mode: UInt32, _ shown: String) {
        var entry = self.entry(.file)
        entry.metadata.mode = mode
        #expect(EntryText(entry).long.hasPrefix("-\(shown)  "))
    }

    @Test func showsOwnersAndWhatLinksSay() {
        var entry = self.entry(.symlink)
        entry.target = Data("../a\nb".utf8)
        (entry.user.id, entry.user.name) = (1000, Data("carol".utf8))
        entry.group.id = 50
        let text = EntryText(entry)
        #expect(text.long == #"lrwsr-x--x  carol:50                  1234  2009-02-13T23:31:30Z  x -> ../a\x0Ab"#)
        #expect(text.full("nas:x").contains("owner:    carol:50 (1000:50)\n"))
        #expect(text.full("nas:x").contains(#"target:   ../a\x0Ab"#))
        #expect(
            text.json() == #"{"event":"entry","gid":50,"group":"50","kind":"symlink","mode":"4751","#
                + #""modified":"2009-02-13T23:31:30Z","name":"x","size":1234,"target":"../a\\x0Ab","uid":1000,"user":"carol"}"#
        )
        entry.kind = .file
        #expect(!EntryText(entry).long.contains("->"))
    }

    @Test func escapesWhatTheDaemonSays() {
        let text = EntryText(self.entry(.file, [0x1B, 0x0A, 0xFF, 0x5C]))
        #expect(text.short == #"\x1B\x0A\xFF\\"#)
        #expect(
            text.json(path: "nas:x") == #"{"event":"entry","kind":"file","mode":"4751","#
                + #""modified":"2009-02-13T23:31:30Z","name":"\\x1B\\x0A\\xFF\\\\","path":"nas:x","size":1234}"#
        )
    }

    @Test(arguments: [Int64.min, -62_167_219_201, 253_402_300_800, .max])
    func timesThatNobodyCanHaveAreLeftOut(_ seconds: Int64) {
        var entry = self.entry(.file)
        entry.metadata.modifiedSeconds = seconds
        entry.size = .max
        #expect(EntryText(entry).long == "-rwsr-x--x  -                 18446744073709551615  -  x")
    }
}

@Suite struct SortedEntriesTests {
    private func batch(_ names: [String]) -> [WireEntry] {
        names.map { name in
            var entry = WireEntry()
            entry.name = Data(name.utf8)
            return entry
        }
    }

    /// Adds "d c", "b" and "a" one after another.
    private func order(limit: Int) throws -> String {
        var entries = SortedEntries(limit: limit)
        var written = ""
        let write: (WireEntry) throws(FerryError) -> Void = { written += String(decoding: $0.name, as: UTF8.self) }
        for names in [["d", "c"], ["b"], ["a"]] { try entries.add(self.batch(names), write: write) }
        try entries.finish(write: write)
        return written
    }

    @Test func sortsUpToTheLimitAndStreamsBeyond() throws {
        #expect(try self.order(limit: 4) == "abcd")
        #expect(try self.order(limit: 3) == "abcd")
        #expect(try self.order(limit: 2) == "bcda")
        #expect(try self.order(limit: 1) == "cdba")
    }
}
