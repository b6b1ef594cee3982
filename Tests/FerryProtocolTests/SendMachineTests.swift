import FerryChunking
import FerryErrors
import FerryProtocol
import FerryTestKit
import FerryWire
import FoundationEssentials
import SwiftProtobuf
import Testing

@Suite struct SendMachineTests {
    private let limits = FrameLimits(blockWindow: 2 << 20, nameWindow: 16)

    @Test func aWholeTransfer() throws {
        var machine = SendMachine(limits: self.limits)
        #expect(machine.allowedNames == 16)
        machine.namesSent([id(1), id(2), id(3)])
        #expect(machine.undecidedNames == 3)
        #expect(try machine.wantsReceived(wants(3, [id(1), id(3)])).decisions == [true, false, true])
        #expect(machine.undecidedNames == 0)
        machine.blockSent(chunks: 2, payload: 150)
        #expect(machine.inFlight == 150)
        try machine.creditReceived(.with { $0.bytes = 150 })
        #expect(machine.inFlight == 0)
        machine.endSent(digest: id(9), size: 300)
        #expect(!machine.isFinished)
        try machine.finishedReceived(finished(id(9), size: 300))
        #expect(machine.isFinished)
    }

    @Test func anEmptyRecipe() throws {
        var machine = SendMachine(limits: self.limits)
        machine.endSent(digest: digest([]), size: 0)
        try machine.finishedReceived(finished(digest([]), size: 0))
        #expect(machine.isFinished)
    }

    @Test func decisionsComeInAnyPortions() throws {
        var machine = SendMachine(limits: self.limits)
        machine.namesSent([id(1), id(2)])
        machine.namesSent([id(3)])
        #expect(try machine.wantsReceived(wants(0)).decisions == [])
        #expect(try machine.wantsReceived(wants(1)).decisions == [false])
        #expect(try machine.wantsReceived(wants(2, [id(2), id(3)])).decisions == [true, true])
    }

    /// Names behind undecided ones, then those, then further ones behind what is left.
    @Test func namesAreDecidedAhead() throws {
        var machine = SendMachine(limits: self.limits, allowsAhead: true)
        machine.namesSent((0..<8).map(id))
        let ahead = try machine.wantsReceived(wants(3, [id(4), id(6)], after: 4))
        #expect(ahead.after == 4 && ahead.decisions == [true, false, true])
        #expect(try machine.wantsReceived(wants(1, [id(0)])).decisions == [true])
        // 1, 2, 3 and 7 are left.
        #expect(try machine.wantsReceived(wants(2, [id(2)], after: 1)).decisions == [true, false])
        machine.namesSent([id(8)])
        #expect(try machine.wantsReceived(wants(1, [], after: 2)).decisions == [false])
        #expect(machine.undecidedNames == 2)
        #expect(throws: FerryError.self) { try machine.wantsReceived(wants(1, [id(1)], after: 1)) }
    }

    @Test(arguments: [(1, 8), (8, 1), (9, 0), (.max, 1)]) func noMoreThanThereAre(_ after: UInt32, _ decided: Int) {
        var machine = SendMachine(limits: self.limits, allowsAhead: true)
        machine.namesSent((0..<8).map(id))
        let error = #expect(throws: FerryError.self) { try machine.wantsReceived(wants(decided, [], after: after)) }
        #expect(error?.code == .violation)
    }

    @Test func aheadOnlyWhereItWasAllowed() {
        var machine = SendMachine(limits: self.limits)
        machine.namesSent((0..<8).map(id))
        let error = #expect(throws: FerryError.self) { try machine.wantsReceived(wants(1, [], after: 1)) }
        #expect(error?.code == .violation)
    }

    /// In any order: what a plain list would do.
    @Test func anyOrderIsThatOfAList() {
        for seed in UInt64(0)..<200 {
            var generator = SeededGenerator(seed: seed)
            var (queue, list, next) = (UndecidedQueue<Int>(), [Int](), 0)
            for _ in 0..<60 {
                let new = generator.below(6)
                queue.append(contentsOf: next..<(next + new))
                list += next..<(next + new)
                next += new
                let after = generator.oneIn(2) ? 0 : generator.below(list.count + 1)
                let count = generator.below(list.count - after + 1)
                #expect(queue.remove(count, after: after) == Array(list[after..<(after + count)]), "seed \(seed)")
                list.removeSubrange(after..<(after + count))
                #expect(queue.count == list.count && queue.isEmpty == list.isEmpty)
            }
        }
    }

    @Test func aNameThatRepeatsIsDecidedEachTime() throws {
        var machine = SendMachine(limits: self.limits)
        machine.namesSent([id(1), id(1), id(2), id(1)])
        #expect(try machine.wantsReceived(wants(4, [id(1), id(2), id(1)])).decisions == [true, false, true, true])
    }

    @Test func theNameWindowCountsWhatIsUndecidedOrWantedAndNotSent() throws {
        var machine = SendMachine(limits: self.limits)
        machine.namesSent((0..<16).map(id))
        #expect(machine.allowedNames == 0)
        _ = try machine.wantsReceived(wants(10, (0..<4).map(id)))
        // Six were had; four are wanted and six undecided.
        #expect(machine.allowedNames == 6)
        machine.blockSent(chunks: 4, payload: 1)
        #expect(machine.allowedNames == 10)
    }

    @Test func oneFrameTakesNoMoreNamesThanAFrameMay() {
        #expect(SendMachine(limits: FrameLimits(nameWindow: 1 << 16)).allowedNames == WireConstants.namesPerFrame)
    }

    @Test func theBlockWindowAtItsLimitAndOnePast() throws {
        var machine = SendMachine(limits: self.limits)
        machine.namesSent([id(1), id(2)])
        _ = try machine.wantsReceived(wants(2, [id(1), id(2)]))
        machine.blockSent(chunks: 1, payload: 1 << 20)
        #expect(machine.allowsBlock(payload: 1 << 20))
        #expect(!machine.allowsBlock(payload: 1 << 20 + 1))
    }

    @Test func withNothingInFlightEveryBlockIsAllowed() {
        #expect(SendMachine(limits: self.limits).allowsBlock(payload: 4 << 20))
    }

    @Test func moreDecidedThanNamed() throws {
        var machine = SendMachine(limits: self.limits)
        machine.namesSent([id(1)])
        expectFailure(.violation) { _ = try machine.wantsReceived(wants(2)) }
    }

    @Test func theLargestNumberOfDecisions() {
        var machine = SendMachine(limits: self.limits)
        machine.namesSent([id(1)])
        expectFailure(.violation) { _ = try machine.wantsReceived(.with { $0.decided = .max }) }
    }

    @Test func moreWantedThanDecided() {
        var machine = SendMachine(limits: self.limits)
        machine.namesSent([id(1), id(2)])
        expectFailure(.violation) { _ = try machine.wantsReceived(wants(1, [id(1), id(2)])) }
    }

    @Test func aWantOfSomethingNotNamed() {
        var machine = SendMachine(limits: self.limits)
        machine.namesSent([id(1), id(2)])
        expectFailure(.violation) { _ = try machine.wantsReceived(wants(2, [id(3)])) }
    }

    @Test func wantsInAnotherOrderThanTheNames() {
        var machine = SendMachine(limits: self.limits)
        machine.namesSent([id(1), id(2)])
        expectFailure(.violation) { _ = try machine.wantsReceived(wants(2, [id(2), id(1)])) }
    }

    @Test func aWantOfANameThatIsNotYetDecided() {
        var machine = SendMachine(limits: self.limits)
        machine.namesSent([id(1), id(2)])
        expectFailure(.violation) { _ = try machine.wantsReceived(wants(1, [id(2)])) }
    }

    @Test func idsThatAreNoMultipleOf32() {
        var machine = SendMachine(limits: self.limits)
        machine.namesSent([id(1)])
        expectFailure(.violation) {
            _ = try machine.wantsReceived(
                .with {
                    $0.decided = 1
                    $0.ids = Data(repeating: 0, count: 31)
                }
            )
        }
    }

    @Test func creditOfAllThatWasSentAndOfOneByteMore() throws {
        var machine = SendMachine(limits: self.limits)
        machine.namesSent([id(1)])
        _ = try machine.wantsReceived(wants(1, [id(1)]))
        machine.blockSent(chunks: 1, payload: 100)
        expectFailure(.violation) { try machine.creditReceived(.with { $0.bytes = 101 }) }
        try machine.creditReceived(.with { $0.bytes = 100 })
        expectFailure(.violation) { try machine.creditReceived(.with { $0.bytes = 1 }) }
    }

    @Test func finishedBeforeTheEnd() {
        var machine = SendMachine(limits: self.limits)
        expectFailure(.violation) { try machine.finishedReceived(finished(digest([]), size: 0)) }
    }

    @Test func finishedTwice() throws {
        var machine = SendMachine(limits: self.limits)
        machine.endSent(digest: id(1), size: 1)
        try machine.finishedReceived(finished(id(1), size: 1))
        expectFailure(.violation) { try machine.finishedReceived(finished(id(1), size: 1)) }
    }

    @Test func anotherDigestSizeOrNoDigest() {
        for wrong in [finished(id(2), size: 1), finished(id(1), size: 2), WireFinished.with { $0.size = 1 }] {
            var machine = SendMachine(limits: self.limits)
            machine.endSent(digest: id(1), size: 1)
            expectFailure(.integrity) { try machine.finishedReceived(wrong) }
            #expect(!machine.isFinished)
        }
    }

    private func finished(_ digest: ChunkID, size: UInt64) -> WireFinished {
        .with {
            $0.digest = ChunkID.pack([digest])
            $0.size = size
        }
    }
}
