import FerryServer
import FoundationEssentials
import Testing

/// What is left of transfers disappears from the shares of a running daemon.
@Suite(.timeLimit(.minutes(5))) struct PartialSweeperTests {
    @Test func whatIsOldIsRemovedAndTheRestIsNot() async throws {
        try await LiveDaemon.run {
            $0.partials.age = .seconds(1)
        } prepare: { directory in
            for name in ["inbox/.ferry-part.00", "inbox/file"] {
                try Data("x".utf8).write(to: URL(filePath: directory + "/" + name))
            }
        } _: { daemon in
            _ = await daemon.log.line(with: "unfinished transfers removed files=1 share=inbox")
            let left = try FileManager.default.contentsOfDirectory(atPath: daemon.inbox)
            #expect(left == ["file"])
        }
    }
}
