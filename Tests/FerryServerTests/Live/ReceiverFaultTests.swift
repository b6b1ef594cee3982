import FerryErrors
import FerryFiles
import FerryProtocol
import Glibc
import Testing

/// The receiver's file system fails at every call, in both directions: the client is told what failed, the old file stays
/// as it was, nothing but what can be taken up is left, and the next transfer goes through.
@Suite(.serialized, .timeLimit(.minutes(5))) struct ReceiverFaultTests {
    private static let cases = FaultyReceiver.Direction.allCases.flatMap { direction in
        FaultyReceiver.Past.allCases.map { (direction, $0) }
    }
    private static let errors: [Int32: (code: FerryError.Code, text: String)] = [
        ENOSPC: (.noSpace, "no space left on the file system"), EIO: (.inputOutput, "Input/output error"),
    ]
    /// An old version is a hint: where it cannot be opened or read, everything travels.
    private static let absorbed: Set<SystemCalls.Name> = [.openat2, .fstat, .pread]
    /// What comes after these is known to be whole, or is not worth keeping.
    private static let publishing: Set<SystemCalls.Name> = [.ftruncate, .fchmod, .futimens, .fsync, .renameat]

    @Test(arguments: Self.cases)
    func aFailureAtAnyCallIsToldAndHarmsNothing(
        _ direction: FaultyReceiver.Direction,
        _ past: FaultyReceiver.Past
    ) async throws {
        let receiver = try await FaultyReceiver(direction, past)
        var told: [SystemCalls.Name: Int] = [:]
        for name in SystemCalls.Name.allCases {
            for (errno, kind) in Self.kinds(of: name) {
                var fault = FaultScript.Fault(name: name, errno: errno, kind: kind)
                while let isTold = try await self.run(receiver, fault) {
                    // After a call that is made up for, a dead disk's next one fails.
                    if isTold, kind != .onward { told[name, default: 0] += 1 }
                    fault.index += 1
                }
            }
        }
        try await receiver.stop()
        let names = told.keys.map(\.rawValue).sorted()
        #expect(names == Self.expected(direction, past).map(\.rawValue).sorted(), "\(told)")
    }

    private static func kinds(of name: SystemCalls.Name) -> [(Int32, FaultScript.Kind)] {
        switch name {
        // Reading needs no room.
        case .fstat, .fstatvfs, .getdents, .pread, .readlinkat: [(EIO, .once)]
        case .pwrite: [(EIO, .once), (EIO, .onward), (EIO, .afterAPage), (ENOSPC, .once), (ENOSPC, .afterAPage)]
        default: [(EIO, .once), (EIO, .onward), (ENOSPC, .once)]
        }
    }

    /// The calls whose failure the client hears of, at least once.
    private static func expected(
        _ direction: FaultyReceiver.Direction,
        _ past: FaultyReceiver.Past
    ) -> Set<SystemCalls.Name> {
        let space: Set<SystemCalls.Name> = direction == .push ? [.fstatvfs] : []
        let all: Set<SystemCalls.Name> = [.openat2, .fstat, .pwrite, .fchmod, .futimens, .fsync, .renameat]
        return switch past {
        case .nothing: all.union(space).union(direction == .push ? [.mkdirat] : [])
        case .similar: all.union(space).union(direction == .push ? [.readlinkat] : [])
        // What cannot be read of what a cut transfer left is sent again; here that has its mode already.
        case .cut: all.union(space).union([.ftruncate, .listxattr]).subtracting([.fchmod])
        // A pull that cannot look at what is there fetches it.
        case .same: direction == .push ? [.openat2, .fstat, .fchmod, .fsync] : [.openat2, .fchmod, .fsync]
        }
    }

    /// - Returns: whether the client was told; nil if there is no such call.
    private func run(_ receiver: FaultyReceiver, _ fault: FaultScript.Fault) async throws -> Bool? {
        try receiver.reset()
        receiver.script.arm(fault)
        let result = await receiver.transfer()
        let (isHit, hasRenamed) = (receiver.script.isHit, receiver.script.hasRenamed)
        receiver.script.disarm()
        let left = try receiver.names()
        // What a later transfer would not find would lie there for nothing; the dead disk's is no matter of ours.
        let isFindable = left.allSatisfy { $0.contains(".ferry-part.") && !$0.contains(".ferry-part.x") }
        #expect(isFindable, "\(fault): \(left)")
        switch result {
        case .success:
            #expect(!isHit || Self.absorbed.contains(fault.name), "\(fault) was told nobody")
            #expect(receiver.content() == receiver.new, "\(fault)")
            #expect(left == [], "\(fault)")
        case .failure(let error):
            #expect(isHit, "\(error)")
            self.expect(error, fault, receiver.direction)
            #expect(receiver.content() == (hasRenamed ? receiver.new : receiver.old), "\(fault)")
            let mayBeWrong = fault.name == .pwrite && fault.errno == EIO || Self.publishing.contains(fault.name)
            #expect(!mayBeWrong || fault.kind == .onward || left == [], "\(fault)")
        }
        guard isHit else { return nil }
        guard case .failure = result else { return false }
        let again = await receiver.transfer()
        if case .failure(let error) = again { Issue.record("after \(fault): \(error)") }
        #expect(receiver.content() == receiver.new, "after \(fault)")
        #expect(try receiver.names() == [], "after \(fault)")
        return true
    }

    private func expect(_ error: any Error, _ fault: FaultScript.Fault, _ direction: FaultyReceiver.Direction) {
        guard let error = error as? FerryError, let expected = Self.errors[fault.errno] else {
            Issue.record("\(fault): \(error)")
            return
        }
        #expect(error.code == expected.code, "\(fault): \(error)")
        // Where the share lies, and why it cannot be opened there, is none of the client's business.
        let isShare = error.message == "the share inbox cannot be opened on the daemon's machine"
        #expect(error.message.contains(expected.text) || isShare && fault.name == .openat2, "\(fault): \(error)")
        #expect(error.origin == (direction == .push ? .remote : .local), "\(fault): \(error)")
    }

    @Test(arguments: Self.cases)
    func shortReadsAndWritesChangeNothing(
        _ direction: FaultyReceiver.Direction,
        _ past: FaultyReceiver.Past
    ) async throws {
        let receiver = try await FaultyReceiver(direction, past)
        // Whole pages stay past the page cache, the other length does not.
        for length in [4096, 7001] {
            try receiver.reset()
            receiver.script.shorten(length)
            let result = await receiver.transfer()
            receiver.script.disarm()
            #expect(throws: Never.self) { try result.get() }
            #expect(receiver.content() == receiver.new)
            #expect(try receiver.names() == [])
        }
        try await receiver.stop()
    }
}
