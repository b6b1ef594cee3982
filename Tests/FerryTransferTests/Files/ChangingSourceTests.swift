import FerryChunking
import FerryErrors
import FerryFiles
import FerryProtocol
import FerryTestKit
import FerryTransfer
import FerryWire
import FoundationEssentials
import Testing

/// Real files that change while they are sent: the sender says so, and never that they are complete.
@Suite struct ChangingSourceTests {
    private let directory: TemporaryDirectory
    private var path: String { self.directory.path + "/file" }

    init() throws { self.directory = try TemporaryDirectory() }

    /// Sends a file of `size` bytes, changes it once the first frame is out, and goes on.
    private func expectChange(size: Int, _ change: (EditedFile) throws -> Void) throws {
        var generator = SeededGenerator(seed: 21)
        try Data(generator.bytes(size)).write(to: URL(filePath: self.path))
        let handle = try EditedFile(self.path)
        let sender = FileSender(
            source: try SourceFile(local: self.path),
            parameters: .forShare(oldSize: nil),
            compression: .off,
            limits: FrameLimits()
        )
        let destination = MemoryDestination()
        let receiver = FileReceiver(destination: destination, announcedSize: UInt64(size), limits: FrameLimits())
        let (toReceiver, toSender) = (MemorySink(), MemorySink())
        var isChanged = false
        #expect {
            while true {
                let progress = try sender.proceed(sink: toReceiver)
                let isMoving = progress == .more || !toReceiver.frames.isEmpty
                if !isChanged, isMoving {
                    try change(handle)
                    isChanged = true
                }
                while let frame = toReceiver.frames.popFirst() {
                    try receiver.received(frame, sink: toSender)
                    while try receiver.proceed(sink: toSender) == .more {}
                }
                while let frame = toSender.frames.popFirst() { try sender.received(frame) }
                if progress == .finished || !isMoving { return }
            }
        } throws: { ($0 as? FerryError)?.code == .sourceChanged }
        #expect(isChanged)
        #expect(destination.committed == nil)
    }

    @Test(arguments: [100_000, 5 << 20]) func itGrows(_ size: Int) throws {
        try self.expectChange(size: size) { try $0.append(Array(repeating: 1, count: 100)) }
    }

    @Test(arguments: [100_000, 5 << 20]) func itShrinks(_ size: Int) throws {
        try self.expectChange(size: size) { try $0.truncate(to: size / 2) }
    }

    @Test(arguments: [100_000, 5 << 20]) func itIsEmptied(_ size: Int) throws {
        try self.expectChange(size: size) { try $0.truncate(to: 0) }
    }

    @Test(arguments: [100_000, 5 << 20]) func itIsRewrittenInPlace(_ size: Int) throws {
        try self.expectChange(size: size) { try $0.overwrite(Array(repeating: 1, count: 100)) }
    }

    @Test func itVanishes() throws {
        try self.expectChange(size: 5 << 20) { _ in try FileManager.default.removeItem(atPath: self.path) }
    }
}

/// Changes a file in place.
private struct EditedFile {
    private let path: String

    init(_ path: String) throws { self.path = path }

    func append(_ bytes: [UInt8]) throws { try self.edit { $0 += bytes } }

    func truncate(to size: Int) throws { try self.edit { $0.removeLast($0.count - size) } }

    func overwrite(_ bytes: [UInt8]) throws { try self.edit { $0.replaceSubrange(0..<bytes.count, with: bytes) } }

    /// Writing without `.atomic` keeps the inode.
    private func edit(_ change: (inout [UInt8]) -> Void) throws {
        var bytes = Array(try Data(contentsOf: URL(filePath: self.path)))
        change(&bytes)
        try Data(bytes).write(to: URL(filePath: self.path))
    }
}
