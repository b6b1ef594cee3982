import FerryErrors
import FerryServer
import Testing

@Suite struct StateLocationTests {
    private static let everything = [
        "FERRY_STATE": "/env", "STATE_DIRECTORY": "/run/a:/run/b", "XDG_STATE_HOME": "/xdg", "HOME": "/home/u",
    ]

    private func resolve(
        flag: String? = nil,
        without names: Set<String> = [],
        _ changes: [String: String] = [:],
        user: UInt32 = 1000,
        owner: UInt32? = nil
    ) throws -> String {
        let environment = Self.everything.filter { !names.contains($0.key) }.merging(changes) { $1 }
        return try StateLocation.resolve(flag: flag, environment: environment, user: user) { path in
            path == "/var/lib/ferry" ? owner : nil
        }
    }

    @Test func eachSourceComesAfterTheOneBefore() throws {
        #expect(try self.resolve(flag: "flag") == "flag")
        #expect(try self.resolve() == "/env")
        #expect(try self.resolve(without: ["FERRY_STATE"]) == "/run/a")
        let own: Set = ["FERRY_STATE", "STATE_DIRECTORY"]
        #expect(try self.resolve(without: own, user: 0) == "/var/lib/ferry")
        #expect(try self.resolve(without: own, owner: 1000) == "/var/lib/ferry")
        #expect(try self.resolve(without: own, owner: 1001) == "/xdg/ferry")
        #expect(try self.resolve(without: own) == "/xdg/ferry")
        #expect(try self.resolve(without: own.union(["XDG_STATE_HOME"])) == "/home/u/.local/state/ferry")
    }

    @Test func emptyCountsAsUnset() throws {
        let empty = ["FERRY_STATE": "", "STATE_DIRECTORY": "", "XDG_STATE_HOME": ""]
        #expect(try self.resolve(empty) == "/home/u/.local/state/ferry")
        #expect(try self.resolve(empty.merging(["STATE_DIRECTORY": ":"]) { $1 }) == "/home/u/.local/state/ferry")
    }

    @Test func relativeXDGIsIgnored() throws {
        let own: Set = ["FERRY_STATE", "STATE_DIRECTORY"]
        #expect(try self.resolve(without: own, ["XDG_STATE_HOME": "x"]) == "/home/u/.local/state/ferry")
    }

    @Test(arguments: ["", "relative", nil])
    func withoutHomeTheErrorNamesTheFlag(_ home: String?) throws {
        let environment = home.map { ["HOME": $0] } ?? [:]
        let error = #expect(throws: FerryError.self) {
            try StateLocation.resolve(flag: nil, environment: environment, user: 1000) { _ in nil }
        }
        #expect(error?.code == .configuration)
        #expect(error?.description.contains("--state") == true)
    }

    @Test func emptyFlagIsRefused() {
        let error = #expect(throws: FerryError.self) { try self.resolve(flag: "") }
        #expect(error?.code == .usage)
    }
}
