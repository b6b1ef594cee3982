import Dispatch
import FerryClient
import FerryErrors
import FerryFiles
import FerryTransport
import FoundationEssentials
import Synchronization
import Testing

@Suite struct ServerBookTests {
    static let pin = "sha256:" + String(repeating: "0f", count: 32)

    private func entry(
        _ name: String,
        secret: String = "S3cret",
        host: String = "nas.example.org"
    ) throws -> ServerEntry {
        let link = try LoginLink(user: "alice", secret: secret, host: host, port: 7718, pin: Fingerprint(Self.pin))
        return try ServerEntry(name: name, link: link)
    }

    /// Runs `body` with the path of a book in a directory that does not exist yet.
    private func withPath(_ body: (String) throws -> Void) throws {
        let directory = FileManager.default.temporaryDirectory.appending(path: "ferry-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: directory) }
        try body(directory.appending(path: "ferry/servers.json").path)
    }

    @Test func survivesTheRoundTrip() throws {
        try self.withPath { path in
            #expect(try ServerBook.load(path).entries == [])
            let nas = try self.entry("nas")
            let box = try self.entry("box", host: "::1")
            #expect(try ServerBook.update(path) { $0.put(nas) } == nil)
            #expect(try ServerBook.update(path) { $0.put(box) } == nil)
            #expect(try ServerBook.load(path).entries == [box, nas])
            #expect(try Directories.info(path).mode == 0o600)
        }
    }

    @Test func replacesAndRemoves() throws {
        try self.withPath { path in
            let old = try self.entry("nas")
            let new = try self.entry("nas", secret: "other")
            _ = try ServerBook.update(path) { $0.put(old) }
            #expect(try ServerBook.update(path) { $0.put(new) } == old)
            #expect(try ServerBook.load(path).entries == [new])
            let removed = try ServerBook.update(path) { book throws(FerryError) in try book.remove("nas") }
            #expect(removed == new)
            #expect(try ServerBook.load(path).entries == [])
        }
    }

    @Test func writesNothingIfTheChangeFails() throws {
        try self.withPath { path in
            _ = try ServerBook.update(path) { book throws(FerryError) in book.put(try self.unchecked("nas")) }
            #expect(throws: FerryError.self) {
                try ServerBook.update(path) { book throws(FerryError) in
                    _ = book.put(try self.unchecked("box"))
                    throw FerryError(.busy, "no")
                }
            }
            #expect(try ServerBook.load(path).entries.map(\.name) == ["nas"])
        }
    }

    @Test func aWiderFileIsRefused() throws {
        try self.withPath { path in
            _ = try ServerBook.update(path) { book throws(FerryError) in book.put(try self.unchecked("nas")) }
            for mode in [0o640, 0o604, 0o700] {
                try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: path)
                let error = #expect(throws: FerryError.self) { try ServerBook.load(path) }
                #expect(error?.code == .permission)
                #expect(error?.remedy?.contains("chmod 600") == true)
            }
            try FileManager.default.setAttributes([.posixPermissions: 0o400], ofItemAtPath: path)
            #expect(throws: Never.self) { try ServerBook.load(path) }
        }
    }

    @Test func twoAtOnceAreTold() throws {
        try self.withPath { path in
            _ = try ServerBook.update(path) { _ in
                let error = #expect(throws: FerryError.self) { try ServerBook.update(path) { _ in } }
                #expect(error?.code == .busy)
            }
            #expect(throws: Never.self) { try ServerBook.update(path) { _ in } }
        }
    }

    @Test(arguments: [
        ("", FerryError.Code.configuration, "JSON"),
        ("[]", .configuration, "JSON"),
        (#"{"version":1}"#, .configuration, "JSON"),
        (#"{"version":1,"servers":{"nas":{"host":"h"}}}"#, .configuration, "JSON"),
        (#"{"version":2,"servers":[]}"#, .newerState, "newer"),
        (
            #"{"version":1,"servers":{"NAS":{"host":"h","port":1,"user":"u","secret":"s","fingerprint":"\#(pin)"}}}"#,
            .configuration, "`NAS`"
        ),
        (
            #"{"version":1,"servers":{"nas":{"host":"h","port":0,"user":"u","secret":"s","fingerprint":"\#(pin)"}}}"#,
            .configuration, "`nas`"
        ),
        (
            #"{"version":1,"servers":{"nas":{"host":"h","port":1,"user":"u","secret":"s","fingerprint":"x"}}}"#,
            .configuration, "`nas`"
        ),
    ])
    func aDamagedFileIsNamed(_ text: String, _ code: FerryError.Code, _ part: String) throws {
        try self.withPath { path in
            _ = try ServerBook.update(path) { _ in }
            try PrivateFile.write(path, Array(text.utf8))
            let error = #expect(throws: FerryError.self) { try ServerBook.load(path) }
            #expect(error?.code == code)
            #expect(error?.message.contains(part) == true)
            #expect(error?.message.contains("servers.json") == true)
        }
    }

    @Test func boundsTheFile() throws {
        try self.withPath { path in
            _ = try ServerBook.update(path) { book throws(FerryError) in book.put(try self.unchecked("nas")) }
            let bytes = try PrivateFile.read(path)
            let padding = [UInt8](repeating: 0x20, count: (1 << 20) - bytes.count)
            try PrivateFile.write(path, bytes + padding)
            #expect(try ServerBook.load(path).entries.count == 1)
            try PrivateFile.write(path, bytes + padding + [0x20])
            #expect { try ServerBook.load(path) } throws: { ($0 as? FerryError)?.code == .tooLarge }
        }
    }

    @Test func findsOrSuggests() throws {
        var book = ServerBook()
        #expect { try book.find("nas") } throws: { "\($0)".contains("ferry login") }
        _ = book.put(try self.entry("nas"))
        _ = book.put(try self.entry("offsite"))
        #expect(try book.find("offsite").name == "offsite")
        #expect { try book.find("ofsite") } throws: { "\($0)".contains("did you mean `offsite`?") }
        #expect { try book.find("zebra") } throws: { "\($0)".contains("ferry servers") }
        #expect { try book.remove("x\u{1B}") } throws: { ($0 as? FerryError)?.code == .usage }
    }

    @Test(arguments: [
        (["FERRY_CONFIG_DIR": "c", "XDG_CONFIG_HOME": "/x", "HOME": "/h"], "c/servers.json"),
        (["FERRY_CONFIG_DIR": "", "XDG_CONFIG_HOME": "/x", "HOME": "/h"], "/x/ferry/servers.json"),
        (["XDG_CONFIG_HOME": "x", "HOME": "/h"], "/h/.config/ferry/servers.json"),
        (["HOME": "/h"], "/h/.config/ferry/servers.json"),
    ])
    func knowsItsPlace(_ environment: [String: String], _ path: String) throws {
        #expect(try ServerBook.path(environment: environment) == path)
    }

    @Test func needsAPlace() {
        #expect { try ServerBook.path(environment: ["HOME": ""]) } throws: {
            ($0 as? FerryError)?.code == .configuration
        }
    }

    /// Scripts log in at the same time: each one waits until it is its turn.
    @Test func manyChangesAtOnceAreAllMade() throws {
        try self.withPath { (path) throws in
            let failures = Mutex(0)
            DispatchQueue.concurrentPerform(iterations: 16) { number in
                do {
                    let entry = try self.entry("nas\(number)")
                    _ = try ServerBook.update(path) { $0.put(entry) }
                } catch {
                    failures.withLock { $0 += 1 }
                }
            }
            #expect(failures.withLock { $0 } == 0)
            #expect(try ServerBook.load(path).entries.count == 16)
        }
    }

    @Test func hidesTheSecret() throws {
        let entry = try self.entry("nas")
        #expect("\(entry)" == "nas (alice at nas.example.org:7718)")
        #expect(!String(reflecting: entry).contains("S3cret"))
    }

    @Test(arguments: [
        ("nas.example.org", "nas"), ("NAS", "nas"), ("192.0.2.7", "192.0.2.7"), ("::1", nil), ("_x.org", nil),
    ])
    func derivesAName(_ host: String, _ name: String?) {
        #expect(ServerEntry.defaultName(for: host) == name)
    }

    @Test(arguments: ["", "-nas", "Nas", "na s", "nas:", "nas/x", String(repeating: "n", count: 65)])
    func refusesBadNames(_ name: String) {
        #expect { try self.entry(name) } throws: { ($0 as? FerryError)?.code == .usage }
    }

    /// An entry within a closure that may only throw ``FerryError``.
    private func unchecked(_ name: String) throws(FerryError) -> ServerEntry {
        let link = try LoginLink(user: "a", secret: "s", host: "h", pin: Fingerprint(Self.pin))
        return try ServerEntry(name: name, link: link)
    }
}
