import Foundation
import Testing

/// What `Docs/operation.md` promises of the daemon's log.
@Suite struct LogLinesTests {
    @Test func theFail2banFilterOfThePageMatchesARefusedLogin() async throws {
        let page = try String(
            contentsOf: URL(filePath: #filePath).appending(path: "../../../../Docs/operation.md").standardizedFileURL,
            encoding: .utf8
        )
        let rule = try #require(page.split(separator: "\n").first { $0.contains("failregex = ") })
        let pattern = try #require(rule.split(separator: "= ", maxSplits: 1).last)
            .replacingOccurrences(of: "<HOST>", with: "(?<host>[0-9a-fA-F.:]+)")
        try await TestDaemon.with { daemon in
            let link = String(decoding: try daemon.read("link"), as: UTF8.self)
            let secret = try #require(link.firstMatch(of: /ferry_([A-Za-z0-9_-]+)/)).1
            try daemon.write(Data(link.replacing(secret, with: String(secret.reversed())).utf8), to: "wrong")
            let login = try await daemon.ferry("login", "--name", "wrong", "--link-file", "wrong")
            #expect(login.status == 4, "\(login.errors)")
            let log = try await daemon.log.text(matching: "authentication failure .*\n")
            let line = try #require(log.split(separator: "\n").first { $0.contains("authentication failure") })
            let match = try #require(try Regex(pattern).firstMatch(in: String(line)), "\(line)")
            #expect(match["host"]?.substring == "127.0.0.1")
            #expect(!log.contains(secret.reversed()) && !log.contains(secret))
        }
    }
}
