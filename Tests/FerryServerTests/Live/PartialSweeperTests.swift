import FerryServer
import FoundationEssentials
import Testing

/// What is left of transfers disappears from the shares of a running daemon.
@Suite(.timeLimit(.minutes(1))) struct PartialSweeperTests {
    @Test func whatIsOldIsRemovedAndTheRestIsNot() async throws {
        try await LiveDaemon.run {
            $0.partials.age = .seconds(3600)
        } prepare: { directory in
            for (name, age) in [("inbox/.ferry-part.00", 7200.0), ("inbox/.ferry-part.01", 60), ("inbox/file", 7200)] {
                let path = directory + "/" + name
                try Data("x".utf8).write(to: URL(filePath: path))
                let time = Date.now.addingTimeInterval(-age)
                try FileManager.default.setAttributes([.modificationDate: time], ofItemAtPath: path)
            }
        } _: { daemon throws in
            _ = await daemon.log.line(with: "unfinished transfers removed files=1 share=inbox")
            let left = try FileManager.default.contentsOfDirectory(atPath: daemon.inbox)
            #expect(left.sorted() == [".ferry-part.01", "file"])
        }
    }
}
