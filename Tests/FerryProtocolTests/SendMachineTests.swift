import FerryChunking
import FerryErrors
import FerryProtocol
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
        #expect(try machine.wantsReceived(wants(3, [id(1), id(3)])) == [true, false, true])
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
        #expect(try machine.wantsReceived(wants(0)) == [])
        #expect(try machine.wantsReceived(wants(1)) == [false])
        #expect(try machine.wantsReceived(wants(2, [id(2), id(3)])) == [true, true])
    }

    @Test func aNameThatRepeatsIsDecidedEachTime() throws {
        var machine = SendMachine(limits: self.limits)
        machine.namesSent([id(1), id(1), id(2), id(1)])
        #expect(try machine.wantsReceived(wants(4, [id(1), id(2), id(1)])) == [true, false, true, true])
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
