import FerryErrors
import FerryTestKit
import FerryWire
import FoundationEssentials
import Testing

/// Names from outside: the bad ones are refused without ending the connection, the odd ones work.
@Suite(.timeLimit(.minutes(5))) struct PathTests {
    private static let bad: [(path: String, code: FerryError.Code)] = [
        ("", .invalidPath), ("inbox", .invalidPath), ("inbox/", .invalidPath), ("inbox/../x", .invalidPath),
        ("inbox/..", .invalidPath), ("inbox/a/../../x", .invalidPath), ("inbox/./x", .invalidPath),
        ("inbox//x", .invalidPath), ("inbox/a//x", .invalidPath), ("../../etc/passwd", .invalidPath),
        ("inbox/a\u{0}b", .invalidPath),
        ("inbox/\u{0}", .invalidPath), ("inbox/.ferry-part.0", .invalidPath),
        ("inbox/" + String(repeating: "a", count: 256), .invalidPath),
        ("inbox/" + String(repeating: "a/", count: 2048) + "a", .invalidPath),
        ("/x", .denied), ("../x", .denied), ("INBOX/x", .denied), ("in\u{0}box/x", .denied),
        ("nowhere/x", .denied),
    ]

    @Test func badPathsOfEveryRequest() async throws {
        try await LiveDaemon.run { daemon in
            let client = try await RawClient.logIn(daemon)
            for (path, code) in Self.bad {
                let bytes = Data(path.utf8)
                var requests: [Frame] = [
                    RawClient.push(path, size: 0), .pull(path: bytes, compression: .off), .remove(path: bytes),
                    .makeDirectory(path: bytes, makeParents: true),
                ]
                // These may name the share itself, and for a list the empty path names all shares.
                if !["", "inbox", "inbox/"].contains(path) { requests += [.list(path: bytes), .stat(path: bytes)] }
                for request in requests {
                    try await client.send(request)
                    #expect(try await client.failure() == code, "\(path.debugDescription)")
                }
            }
            await client.close()
            #expect(try daemon.files() == [])
        }
    }

    @Test(
        arguments: [
            [0xFF, 0x0A, 0x1B, 0x5B, 0x32, 0x4A], Array("tab\tquote\" back\\slash".utf8), Array("Grüße 漢字".utf8),
            Array(repeating: 0x61, count: 255), Array("\u{202E}cod.exe".utf8), Array("...".utf8), Array("-rf".utf8),
        ] as [[UInt8]]
    )
    func oddNamesWorkAndAreEscapedInTheLog(_ name: [UInt8]) async throws {
        try await LiveDaemon.run { daemon in
            let client = try await RawClient.logIn(daemon)
            let path = Array("inbox/".utf8) + name
            try await client.push([1, 2, 3], to: path)
            #expect(try await client.pull(path) == [1, 2, 3])
            try await client.send(.list(path: Data("inbox".utf8)))
            guard case .entries(let list) = await client.next()?.body else {
                throw RawClient.Unexpected(nil, #_sourceLocation)
            }
            #expect(list.entries.map { Array($0.name) } == [name])
            _ = try await client.finished()
            await client.close()
            let line = await daemon.log.line(with: " push ", Escaping.escape(path).replacing("\"", with: "\\\""))
            #expect(line.unicodeScalars.allSatisfy { $0 == "\n" || Escaping.escape("\($0)") == "\($0)" || $0 == "\\" })
            #expect(line.filter { $0 == "\n" }.count == 1)
        }
    }

    @Test func componentsOfNestedPaths() async throws {
        try await LiveDaemon.run { daemon in
            let client = try await RawClient.logIn(daemon)
            let long = String(repeating: "d", count: 255)
            try await client.send(RawClient.push("inbox/\(long)/\(long)/file", size: 0))
            #expect(try await client.failure() == .notFound)
            try await client.send(RawClient.push("inbox/\(long)/\(long)/file", size: 0, makeParents: true))
            try await client.ready()
            try await client.send(RawClient.end([]))
            _ = try await client.finished()
            #expect(try await client.pull("inbox/\(long)/\(long)/file") == [])
            await client.close()
        }
    }

    @Test func aPushOntoALinkWithinTheShareReplacesItsTarget() async throws {
        try await LiveDaemon.run { daemon in
            let files = FileManager.default
            try files.createDirectory(atPath: daemon.inbox + "/dir", withIntermediateDirectories: true)
            try Data([1]).write(to: URL(filePath: daemon.inbox + "/dir/file"))
            try files.createSymbolicLink(atPath: daemon.inbox + "/link", withDestinationPath: "dir/file")
            try files.createSymbolicLink(atPath: daemon.inbox + "/dangling", withDestinationPath: "dir/new")
            let client = try await RawClient.logIn(daemon)
            try await client.push([2], to: "inbox/link")
            try await client.push([3], to: "inbox/dangling")
            #expect(try await client.pull("inbox/link") == [2])
            await client.close()
            #expect(Array(try Data(contentsOf: URL(filePath: daemon.inbox + "/dir/file"))) == [2])
            #expect(Array(try Data(contentsOf: URL(filePath: daemon.inbox + "/dir/new"))) == [3])
            #expect(try files.destinationOfSymbolicLink(atPath: daemon.inbox + "/link") == "dir/file")
        }
    }

    @Test func linksThatLeadOutOfTheShare() async throws {
        try await LiveDaemon.run { daemon in
            try Data([1]).write(to: URL(filePath: daemon.directory.path + "/secret"))
            let files = FileManager.default
            try files.createSymbolicLink(atPath: daemon.inbox + "/out", withDestinationPath: "../secret")
            try files.createSymbolicLink(atPath: daemon.inbox + "/abs", withDestinationPath: "/etc/passwd")
            try files.createSymbolicLink(atPath: daemon.inbox + "/dir", withDestinationPath: "..")
            let client = try await RawClient.logIn(daemon)
            for path in ["inbox/out", "inbox/abs", "inbox/dir/secret"] {
                try await client.send(.pull(path: Data(path.utf8), compression: .off))
                #expect(try await client.failure() == .denied, "\(path)")
            }
            for path in ["inbox/dir/new", "inbox/out", "inbox/abs"] {
                try await client.send(RawClient.push(path, size: 0))
                #expect(try await client.failure() == .denied, "\(path)")
            }
            await client.close()
            #expect(Array(try Data(contentsOf: URL(filePath: daemon.directory.path + "/secret"))) == [1])
        }
    }
}
