import FerryChunking
import FerryErrors
import FerryProtocol
import FerryWire
import FoundationEssentials
import SwiftProtobuf
import Testing

@Suite struct ReceiveMachineTests {
    private let limits = FrameLimits(blockWindow: 2 << 20, nameWindow: 16)

    private func machine(
        size: UInt64? = nil,
        repeats: ReceiveMachine.Repeats = .copied
    ) -> ReceiveMachine {
        ReceiveMachine(limits: self.limits, announcedSize: size, repeats: repeats)
    }

    // MARK: Legal paths

    @Test func aWholeTransfer() throws {
        var machine = self.machine(size: 30)
        #expect(try machine.decide(names([id(1), id(2)], lengths: [10, 20])) == [.want(id(1)), .want(id(2))])
        #expect(
            try machine.blockReceived(block([id(1), id(2)], lengths: [10, 20]), payload: 25) == [
                .init(id: id(1), length: 10, offset: 0), .init(id: id(2), length: 20, offset: 10),
            ]
        )
        machine.credited(25)
        let digest = digest([(id(1), 10), (id(2), 20)])
        #expect(try machine.endReceived(end(digest, size: 30)) == digest)
        #expect(machine.size == 30)
    }

    @Test func anEmptyRecipe() throws {
        for size in [nil, 0] as [UInt64?] {
            var machine = self.machine(size: size)
            _ = try machine.endReceived(end(digest([]), size: 0))
        }
    }

    @Test func aRepeatIsWantedUntilItHasArrivedAndCopiedFromThen() throws {
        var machine = self.machine()
        #expect(try machine.decide(names([id(1), id(1)])) == [.want(id(1)), .want(id(1))])
        let first = try machine.blockReceived(block([id(1)], lengths: [100]), payload: 100)
        #expect(first == [.init(id: id(1), length: 100, offset: 0)])
        machine.chunkWritten(id(1), at: 0)
        #expect(try machine.decide(names([id(1)])) == [.have(from: 0, .init(id: id(1), offset: 200, length: 100))])
        // The second want stands: what is wanted twice is sent twice.
        #expect(
            try machine.blockReceived(block([id(1)], lengths: [100]), payload: 100) == [
                .init(id: id(1), length: 100, offset: 100)
            ]
        )
    }

    @Test func aChunkTwiceInOneBlockGoesToBothPlaces() throws {
        var machine = self.machine()
        _ = try machine.decide(names([id(1), id(2), id(1)]))
        let deliveries = try machine.blockReceived(block([id(1), id(2), id(1)], lengths: [100, 100, 100]), payload: 9)
        #expect(deliveries.map(\.offset) == [0, 100, 200])
    }

    @Test func aStreamWantsRepeatsEachTime() throws {
        var machine = self.machine(repeats: .resent)
        _ = try machine.decide(names([id(1)]))
        _ = try machine.blockReceived(block([id(1)], lengths: [100]), payload: 100)
        machine.chunkWritten(id(1), at: 0)
        #expect(try machine.decide(names([id(1)])) == [.want(id(1))])
    }

    @Test func aFailedCopyIsWantedAndNoLongerKnown() throws {
        var machine = self.machine()
        _ = try machine.decide(names([id(1)]))
        _ = try machine.blockReceived(block([id(1)], lengths: [100]), payload: 100)
        machine.chunkWritten(id(1), at: 0)
        let name = try #require(try machine.namesReceived(names([id(1)])).first)
        #expect(machine.written(id(1)) == 0)
        try machine.lacked(name)
        #expect(try machine.decide(names([id(1)])) == [.want(id(1))])
        let deliveries = try machine.blockReceived(block([id(1), id(1)], lengths: [100, 100]), payload: 200)
        #expect(deliveries.map(\.offset) == [100, 200])
    }

    @Test func knownChunksAreForgottenByGenerations() throws {
        var machine = self.machine()
        let count = ReceiveMachine.knownLimit
        // One full generation and the first of the next: everything is known still.
        for number in 0...count { machine.chunkWritten(id(number), at: UInt64(number)) }
        #expect(isCopy(try machine.decide(names([id(0)]))))
        // The next generation fills: the first one is forgotten, the second is not.
        for number in count + 1...2 * count { machine.chunkWritten(id(number), at: UInt64(number)) }
        #expect(!isCopy(try machine.decide(names([id(0)]))))
        #expect(!isCopy(try machine.decide(names([id(count - 1)]))))
        #expect(isCopy(try machine.decide(names([id(count)]))))
        #expect(isCopy(try machine.decide(names([id(2 * count)]))))
    }

    // MARK: Names

    @Test func theNameWindowAtItsLimitAndOnePast() throws {
        var machine = self.machine()
        _ = try machine.decide(names((0..<16).map(id)))
        expectFailure(.limit) { _ = try machine.decide(names([id(16)])) }
        _ = try machine.blockReceived(block([id(0)], lengths: [100]), payload: 1)
        _ = try machine.decide(names([id(16)]))
        expectFailure(.limit) { _ = try machine.decide(names([id(17)])) }
    }

    @Test func oneFrameWithTheMostNamesAndOneMore() throws {
        let limits = FrameLimits(nameWindow: 4096)
        var machine = ReceiveMachine(limits: limits, announcedSize: nil, repeats: .copied)
        _ = try machine.decide(names((0..<1024).map(id)))
        expectFailure(.violation) { _ = try machine.decide(names((0..<1025).map(id))) }
    }

    @Test func copiesDoNotFillTheNameWindow() throws {
        var machine = self.machine()
        machine.chunkWritten(id(1), at: 0)
        for _ in 0..<4 { _ = try machine.decide(names([ChunkID](repeating: id(1), count: 16))) }
        #expect(machine.size == 4 * 16 * 100)
    }

    @Test func malformedNames() {
        let none = WireNames()
        let tooFew = names([id(1), id(2)], lengths: [1])
        let tooMany = names([id(1)], lengths: [1, 1])
        let onlyLengths = names([], lengths: [1])
        let ragged = WireNames.with {
            $0.ids = Data(repeating: 0, count: 33)
            $0.lengths = [1]
        }
        for malformed in [none, tooFew, tooMany, onlyLengths, ragged] {
            var machine = self.machine()
            expectFailure(.violation) { _ = try machine.decide(malformed) }
        }
    }

    @Test(arguments: [0, 1 << 20 + 1, .max] as [UInt32]) func aChunkThatIsTooShortOrTooLong(_ length: UInt32) {
        var machine = self.machine()
        expectFailure(.limit) { _ = try machine.decide(names([id(1)], each: length)) }
    }

    @Test(arguments: [1, 1 << 20] as [UInt32]) func theShortestAndTheLongestChunk(_ length: UInt32) throws {
        var machine = self.machine()
        _ = try machine.decide(names([id(1)], each: length))
        #expect(machine.size == UInt64(length))
    }

    @Test func oneIDWithTwoLengths() throws {
        var machine = self.machine()
        expectFailure(.violation) { _ = try machine.decide(names([id(1), id(1)], lengths: [10, 11])) }
    }

    @Test func aKnownIDWithAnotherLengthIsNeverTakenForThatLength() throws {
        var machine = self.machine()
        machine.chunkWritten(id(1), at: 0)
        // The bytes at the old place are hashed over the new length, so that the copy fails.
        let name = ReceiveMachine.Name(id: id(1), offset: 0, length: 11)
        #expect(try machine.decide(names([id(1)], each: 11)) == [.have(from: 0, name)])
    }

    @Test func theRecipeAtTheAnnouncedSizeAndOnePast() throws {
        var machine = self.machine(size: 100)
        _ = try machine.decide(names([id(1)], each: 99))
        expectFailure(.limit) { _ = try machine.decide(names([id(2)], each: 2)) }
        var exact = self.machine(size: 100)
        _ = try exact.decide(names([id(1), id(2)], lengths: [99, 1]))
        expectFailure(.limit) { _ = try exact.decide(names([id(3)], each: 1)) }
    }

    @Test func anAnnouncementOfZeroBytes() {
        var machine = self.machine(size: 0)
        expectFailure(.limit) { _ = try machine.decide(names([id(1)], each: 1)) }
    }

    @Test func theLargestAnnouncementDoesNotOverflow() throws {
        var machine = self.machine(size: .max)
        _ = try machine.decide(names([id(1)], each: 1 << 20))
        expectFailure(.violation) { _ = try machine.endReceived(end(id(1), size: .max)) }
    }

    // MARK: Blocks

    @Test func theBlockWindowAtItsLimitAndOnePast() throws {
        var machine = self.machine()
        _ = try machine.decide(names([id(1), id(2), id(3)]))
        _ = try machine.blockReceived(block([id(1)], lengths: [100]), payload: 1 << 20)
        _ = try machine.blockReceived(block([id(2)], lengths: [100]), payload: 1 << 20)
        expectFailure(.limit) { _ = try machine.blockReceived(block([id(3)], lengths: [100]), payload: 1) }
    }

    @Test func creditOpensTheBlockWindow() throws {
        var machine = self.machine()
        _ = try machine.decide(names([id(1), id(2), id(3), id(4)]))
        _ = try machine.blockReceived(block([id(1)], lengths: [100]), payload: 1 << 20)
        _ = try machine.blockReceived(block([id(2)], lengths: [100]), payload: 1 << 20)
        machine.credited(10)
        _ = try machine.blockReceived(block([id(3)], lengths: [100]), payload: 10)
        expectFailure(.limit) { _ = try machine.blockReceived(block([id(4)], lengths: [100]), payload: 1) }
    }

    @Test func aBlockOfAChunkThatWasNeverNamedIsHadOrHasArrived() throws {
        var machine = self.machine()
        machine.chunkWritten(id(1), at: 0)
        _ = try machine.decide(names([id(1), id(2)]))
        expectFailure(.violation) { _ = try machine.blockReceived(block([id(1)], lengths: [100]), payload: 1) }
        expectFailure(.violation) { _ = try machine.blockReceived(block([id(3)], lengths: [100]), payload: 1) }
        _ = try machine.blockReceived(block([id(2)], lengths: [100]), payload: 1)
        expectFailure(.violation) { _ = try machine.blockReceived(block([id(2)], lengths: [100]), payload: 1) }
    }

    @Test(arguments: [0, 99, 101, .max] as [UInt32]) func aBlockWithAnotherLengthThanWasNamed(_ length: UInt32) throws {
        var machine = self.machine()
        _ = try machine.decide(names([id(1)], each: 100))
        expectFailure(.violation) { _ = try machine.blockReceived(block([id(1)], lengths: [length]), payload: 1) }
    }

    @Test func aBlockOf1MiBAndOneByteMore() throws {
        var machine = self.machine()
        _ = try machine.decide(names([id(1), id(2)], lengths: [1 << 20 - 1, 1]))
        _ = try machine.blockReceived(block([id(1), id(2)], lengths: [1 << 20 - 1, 1]), payload: 1)
        _ = try machine.decide(names([id(3), id(4)], lengths: [1 << 20, 1]))
        expectFailure(.limit) {
            _ = try machine.blockReceived(block([id(3), id(4)], lengths: [1 << 20, 1]), payload: 1)
        }
    }

    @Test func malformedBlocks() throws {
        let ragged = WireBlock.with {
            $0.ids = Data(repeating: 0, count: 31)
            $0.lengths = [100]
        }
        for malformed in [WireBlock(), block([id(1)], lengths: []), block([], lengths: [100]), ragged] {
            var machine = self.machine()
            _ = try machine.decide(names([id(1)]))
            expectFailure(.violation) { _ = try machine.blockReceived(malformed, payload: 1) }
        }
        var machine = self.machine()
        _ = try machine.decide(names([id(1)]))
        expectFailure(.violation) { _ = try machine.blockReceived(block([id(1)], lengths: [100]), payload: 0) }
    }

    // MARK: End

    @Test func anEndWhileChunksAreMissing() throws {
        var machine = self.machine()
        _ = try machine.decide(names([id(1), id(2)]))
        _ = try machine.blockReceived(block([id(1)], lengths: [100]), payload: 1)
        let digest = digest([(id(1), 100), (id(2), 100)])
        expectFailure(.violation) { _ = try machine.endReceived(end(digest, size: 200)) }
    }

    @Test func anEndWithAnotherDigestOrNone() throws {
        for wrong in [end(id(7), size: 0), WireEnd(), .with { $0.digest = Data(repeating: 0, count: 33) }] {
            var machine = self.machine()
            expectFailure(.integrity) { _ = try machine.endReceived(wrong) }
        }
    }

    @Test func anEndWithAnotherSizeThanTheRecipeOrTheAnnouncement() throws {
        var machine = self.machine()
        expectFailure(.integrity) { _ = try machine.endReceived(end(digest([]), size: 1)) }
        var short = self.machine(size: 1)
        expectFailure(.integrity) { _ = try short.endReceived(end(digest([]), size: 0)) }
    }

    @Test func theDigestCoversOrderAndLengths() throws {
        for other in [digest([(id(2), 10), (id(1), 10)]), digest([(id(1), 20)]), digest([(id(1), 10)])] {
            var machine = self.machine()
            _ = try machine.decide(names([id(1), id(2)], each: 10))
            _ = try machine.blockReceived(block([id(1), id(2)], lengths: [10, 10]), payload: 1)
            expectFailure(.integrity) { _ = try machine.endReceived(end(other, size: 20)) }
        }
    }

    @Test func anEndWhileNamesAreUndecided() throws {
        var machine = self.machine()
        let name = try #require(try machine.namesReceived(names([id(1)])).first)
        let digest = digest([(id(1), 100)])
        expectFailure(.violation) { _ = try machine.endReceived(end(digest, size: 100)) }
        machine.had(name)
        _ = try machine.endReceived(end(digest, size: 100))
    }

    // MARK: What was in place before

    @Test func aChunkThatIsInPlaceIsKnownFromThenOn() throws {
        var machine = self.machine()
        let name = try #require(try machine.namesReceived(names([id(1)])).first)
        machine.had(name)
        #expect(try machine.decide(names([id(1)])) == [.have(from: 0, .init(id: id(1), offset: 100, length: 100))])
        // It stays known by its first place, from where it is read again.
        #expect(try machine.decide(names([id(1)])) == [.have(from: 0, .init(id: id(1), offset: 200, length: 100))])
    }

    @Test func undecidedNamesFillTheNameWindow() throws {
        var machine = self.machine()
        let all = try machine.namesReceived(names((0..<16).map(id)))
        expectFailure(.limit) { _ = try machine.namesReceived(names([id(16)])) }
        machine.had(all[0])
        #expect(machine.undecided == 15)
        _ = try machine.namesReceived(names([id(16)]))
    }

    private func isCopy(_ decisions: [Decision]) -> Bool {
        if case .have = decisions.first { true } else { false }
    }
}
