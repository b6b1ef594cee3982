import FerryClient
import FerryCommands
import FerryErrors
import FerryTransport
import FoundationEssentials
import Testing

@Suite struct AccountTests {
    static let pin = "sha256:" + String(repeating: "0f", count: 32)

    private func link(_ host: String = "nas.example.org", user: String = "alice") throws -> LoginLink {
        try LoginLink(user: user, secret: "S3cret", host: host, pin: Fingerprint(Self.pin))
    }

    private func entries(_ path: String) throws -> [ServerEntry] { try ServerBook.load(path).entries }

    private func withPath(_ body: (String) async throws -> Void) async throws {
        let directory = FileManager.default.temporaryDirectory.appending(path: "ferry-\(UUID().uuidString)")
        do { try await body(directory.appending(path: "servers.json").path) } catch {
            try? FileManager.default.removeItem(at: directory)
            throw error
        }
        try? FileManager.default.removeItem(at: directory)
    }

    @Test func remembersAfterTheCheck() async throws {
        try await self.withPath { path in
            let login = AccountLogin(path: path) { login in
                #expect(login.address == "nas.example.org:7717")
                #expect(login.secret == "S3cret")
                #expect(login.fingerprint.description == Self.pin)
                let entries = try self.entries(path)
                #expect(entries.isEmpty)
            }
            let result = try await login.remember(self.link(), as: "box")
            #expect(result.summary == "remembered box (alice at nas.example.org:7717)")
            let entries = try self.entries(path)
            #expect(entries == [result.entry])
        }
    }

    @Test func aFailedCheckRemembersNothing() async throws {
        try await self.withPath { path in
            let login = AccountLogin(path: path) { _ in throw FerryError(.authentication, "no") }
            await #expect(throws: FerryError.self) { try await login.remember(self.link(), as: "box") }
            let entries = try self.entries(path)
            #expect(entries.isEmpty)
        }
    }

    @Test func theNameComesFromTheHost() async throws {
        try await self.withPath { path in
            let login = AccountLogin(path: path) { _ in }
            _ = try await login.remember(self.link(), as: nil)
            let again = try await login.remember(self.link(user: "bob"), as: nil)
            #expect(again.summary == "replaced nas (bob at nas.example.org:7717)")
            #expect(again.replaced?.user == "alice")
            let entries = try self.entries(path)
            #expect(entries.map(\.name) == ["nas"])
            let error = await #expect(throws: FerryError.self) { try await login.remember(self.link("::1"), as: nil) }
            #expect(error?.remedy?.contains("--name") == true)
        }
    }

    @Test func aBadNameIsRefusedBeforeTheCheck() async throws {
        try await self.withPath { path in
            let login = AccountLogin(path: path) { _ in Issue.record("the server was asked") }
            await #expect(throws: FerryError.self) { try await login.remember(self.link(), as: "Not A Name") }
        }
    }

    @Test func logoutForgets() async throws {
        try await self.withPath { path in
            #expect(throws: FerryError.self) { try AccountLogout.forget("nas", path: path) }
            #expect(!FileManager.default.fileExists(atPath: path))
            let entry = try await AccountLogin(path: path) { _ in }.remember(self.link(), as: "nas").entry
            #expect { try AccountLogout.forget("nsa", path: path) } throws: { "\($0)".contains("did you mean `nas`?") }
            let forgotten = try AccountLogout.forget("nas", path: path)
            #expect(forgotten == entry)
            let entries = try self.entries(path)
            #expect(entries.isEmpty)
        }
    }

    @Test func listsWithoutSecrets() throws {
        var book = ServerBook()
        #expect(ServerList.json(book) == #"{"servers":[]}"#)
        _ = book.put(try ServerEntry(name: "nas", link: self.link()))
        _ = book.put(try ServerEntry(name: "offsite", link: self.link("::1", user: "bo")))
        #expect(
            ServerList.lines(book) == [
                "nas      alice  nas.example.org:7717  \(Self.pin)",
                "offsite  bo     [::1]:7717            \(Self.pin)",
            ]
        )
        let json = ServerList.json(book)
        #expect(
            json.hasPrefix(
                #"{"servers":[{"fingerprint":"\#(Self.pin)","host":"nas.example.org","name":"nas","port":7717,"user":"alice"}"#
            )
        )
        #expect(!json.contains("S3cret") && !ServerList.lines(book).joined().contains("S3cret"))
    }
}
