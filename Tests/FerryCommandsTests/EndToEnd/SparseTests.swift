import FerryTestKit
import Foundation
import Glibc
import Testing

/// Long runs of zeros travel as names and become holes.
@Suite struct SparseTests {
    private static let size = 64 << 20

    /// Data at the front, in the middle and, if `isEndData`, at the end of a hole.
    private func make(_ path: String, isEndData: Bool) throws -> Data {
        var data = Data(count: Self.size)
        let noise = TestDaemon.noise(100_000, seed: 21)
        for start in [0, 31 << 20] + (isEndData ? [Self.size - noise.count] : []) {
            data.replaceSubrange(start..<(start + noise.count), with: noise)
        }
        try #require(FileManager.default.createFile(atPath: path, contents: nil))
        try #require(truncate(path, Self.size) == 0)
        let file = try #require(FileHandle(forWritingAtPath: path))
        for start in [0, 31 << 20] + (isEndData ? [Self.size - noise.count] : []) {
            try file.seek(toOffset: UInt64(start))
            try file.write(contentsOf: noise)
        }
        try file.close()
        return data
    }

    /// Bytes that a file takes of the disk.
    private func space(_ path: String, _ daemon: TestDaemon) async throws -> Int {
        let outcome = try await daemon.shell("stat -c %b '\(path)'")
        return try #require(Int(String(decoding: outcome.output.dropLast(), as: UTF8.self))) * 512
    }

    @Test(arguments: [true, false]) func holesStayHoles(_ isEndData: Bool) async throws {
        try await TestDaemon.with { daemon in
            let data = try self.make(daemon.here + "/image", isEndData: isEndData)
            let push = try await daemon.ferry("push", "--json", "image", "nas:inbox/")
            #expect(push.status == 0, "\(push.errors)")
            #expect(try daemon.shared("image") == data)
            #expect(try await self.space(daemon.share + "/image", daemon) < 4 << 20)
            #expect(try #require(try push.events().compactMap { $0["wireBytes"] as? Int }.last) < 2 << 20)
            let pull = try await daemon.ferry("pull", "--sha256", "nas:inbox/image", "back")
            #expect(pull.status == 0, "\(pull.errors)")
            #expect(try daemon.read("back") == data)
            #expect(try await self.space("back", daemon) < 4 << 20)
            let sum = try await daemon.shell("sha256sum back")
            #expect(sum.output.prefix(64) == pull.output.prefix(64))
        }
    }

    /// Over an old version that has data where the new one has a hole, and the other way round.
    @Test func holesOverAnOldVersion() async throws {
        try await TestDaemon.with { daemon in
            let data = try self.make(daemon.here + "/image", isEndData: false)
            for old in [Data(repeating: 0, count: Self.size), TestDaemon.noise(Self.size, seed: 22), data + data] {
                try old.write(to: URL(fileURLWithPath: daemon.share + "/image"))
                let push = try await daemon.ferry("push", "image", "nas:inbox/")
                #expect(push.status == 0, "\(push.errors)")
                #expect(try daemon.shared("image") == data)
                #expect(try await self.space(daemon.share + "/image", daemon) < 8 << 20)
            }
        }
    }

    /// Pages of holes and of noise in any order, there and back, and over versions with other ones.
    @Test func holesOfAnyPatternStayWhereTheyAre() async throws {
        var generator = SeededGenerator(seed: Soak.seed(#function))
        try await TestDaemon.with { daemon in
            let (here, there, back) = (daemon.here + "/image", daemon.share + "/image", daemon.here + "/back")
            for _ in 0..<Soak.count(4, soak: 40) {
                let size = generator.below(12 << 20)
                SparseFile.make(here, size: size, longest: [1, 8, 100, 600][generator.below(4)], &generator)
                let push = try await daemon.ferry("push", "image", "nas:inbox/")
                #expect(push.status == 0, "\(push.errors)")
                #expect(SparseFile.differences(here, there) == "")
                let pull = try await daemon.ferry("pull", "nas:inbox/image", "back")
                #expect(pull.status == 0, "\(pull.errors)")
                #expect(SparseFile.differences(here, back) == "")
                let text = try await daemon.shell("ferry pull nas:inbox/image - | cmp - image")
                #expect(text.status == 0, "\(text.errors)")
            }
        }
    }

    /// Nobody reads, sends or writes what is not there, nor needs room for it.
    @Test func aTebibyteOfHoles() async throws {
        var generator = SeededGenerator(seed: 3)
        let data = (0..<64).map { (($0 << 34) + 4096 * $0)..<(($0 << 34) + 4096 * $0 + 16_384) }
        try await TestDaemon.with { daemon in
            let path = daemon.here + "/tree/image"
            try FileManager.default.createDirectory(atPath: daemon.here + "/tree", withIntermediateDirectories: true)
            SparseFile.make(path, size: 1 << 40, data: data, &generator)
            for arguments in [
                ["push"], ["push", "--checksum"], ["push", "-r"], ["push", "-r", "--checksum"], ["verify"],
            ] {
                let operands =
                    arguments == ["push"] || arguments == ["push", "--checksum"]
                    ? ["tree/image", "nas:inbox/image"] : ["tree", "nas:inbox/tree"]
                let outcome = try await daemon.run("ferry", arguments + operands)
                #expect(outcome.status == 0, "\(arguments): \(outcome.errors)")
            }
            for operands in [
                ["nas:inbox/image", "back"], ["--checksum", "nas:inbox/image", "back"],
                ["-r", "nas:inbox/tree", "tree2"],
            ] {
                let outcome = try await daemon.run("ferry", ["pull"] + operands)
                #expect(outcome.status == 0, "\(operands): \(outcome.errors)")
            }
            for there in [
                daemon.share + "/image", daemon.share + "/tree/image", daemon.here + "/back",
                daemon.here + "/tree2/image",
            ] {
                #expect(SparseFile.differences(path, there) == "")
            }
        }
    }

    /// What was received of many holes before the link broke is not read again, and none of it is lost.
    @Test func aCutTransferOfManyHolesGoesOn() async throws {
        var generator = SeededGenerator(seed: 4)
        try await TestDaemon.with { daemon in
            let path = daemon.here + "/image"
            let data = (0..<200).map { (($0 << 31) + 4096 * $0)..<(($0 << 31) + 4096 * $0 + 65_536) }
            SparseFile.make(path, size: 1 << 39, data: data, &generator)
            let relay = try BreakingRelay(to: daemon.port, breakingAfter: 12 << 20)
            try await daemon.logIn("far", port: relay.port)
            #expect(try await daemon.ferry("push", "image", "far:inbox/image").status != 0)
            let push = try await daemon.ferry("push", "--json", "image", "nas:inbox/")
            #expect(push.status == 0, "\(push.errors)")
            #expect(try #require(try push.events().compactMap { $0["wireBytes"] as? Int }.last) < 12 << 20)
            #expect(SparseFile.differences(path, daemon.share + "/image") == "")
        }
    }

    /// What a cut transfer left is no hole: there, zeros are made holes, where something else lies.
    @Test func zerosOverWhatACutTransferLeft() async throws {
        try await TestDaemon.with { daemon in
            try daemon.write(TestDaemon.noise(24 << 20, seed: 23), to: "noise")
            let relay = try BreakingRelay(to: daemon.port, breakingAfter: 8 << 20)
            try await daemon.logIn("far", port: relay.port)
            #expect(try await daemon.ferry("push", "noise", "far:inbox/image").status != 0)
            #expect(try daemon.names(in: daemon.share).contains { $0.hasPrefix(".ferry-part.") })
            let data = try self.make(daemon.here + "/image", isEndData: true)
            let push = try await daemon.ferry("push", "image", "nas:inbox/")
            #expect(push.status == 0, "\(push.errors)")
            #expect(try daemon.shared("image") == data)
        }
    }
}
