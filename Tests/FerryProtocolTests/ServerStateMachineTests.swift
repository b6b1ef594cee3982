import FerryErrors
import FerryProtocol
import FerryWire
import FoundationEssentials
import NIOCore
import SwiftProtobuf
import Testing

@Suite struct ServerStateMachineTests {
    private static let requests: [Frame] = [
        .push(path: .init(), metadata: .init(), size: nil, makeParents: false), .pull(path: .init(), compression: .off),
        .list(path: .init()), .stat(path: .init()), .remove(path: .init()),
        .makeDirectory(path: .init(), makeParents: false),
    ]
    /// All but hello, requests and failure.
    private static let others: [Frame] = [
        .welcome(features: [], limits: FrameLimits(), session: "", agent: ""), .keepAlive, .ready(), .entries([]),
        .finished(), .names(ids: .init(), lengths: []), .wants(decided: 0, ids: .init()),
        .block(codec: .stored, ids: .init(), lengths: [], payload: ByteBuffer()), .credit(1),
        .end(digest: .init(), size: 0),
    ]
    private static let failure = Frame.failure(FerryError(.noSpace, "the client's\ndisk"))

    private static func hello(
        magic: UInt32 = WireConstants.magic,
        version: UInt32 = WireConstants.version,
        limits: FrameLimits = FrameLimits()
    ) -> Frame {
        Frame(
            .hello(
                .with {
                    $0.magic = magic
                    $0.version = version
                    $0.limits = limits.message
                    $0.token = "secret"
                }
            )
        )
    }

    /// A machine in which a request may arrive.
    private static func ready() throws -> ServerStateMachine {
        var machine = ServerStateMachine()
        _ = try machine.received(self.hello())
        let isAwaited = machine.authenticated()
        #expect(isAwaited)
        return machine
    }

    private static func operating() throws -> ServerStateMachine {
        var machine = try self.ready()
        _ = try machine.received(.list(path: .init()))
        return machine
    }

    // MARK: Hello

    @Test func aGoodHelloIsHandedOutWithTheClientsLimits() throws {
        var machine = ServerStateMachine()
        let limits = FrameLimits(blockWindow: 2 << 20, nameWindow: 64)
        guard case .authenticate(let hello, limits) = try machine.received(Self.hello(limits: limits)) else {
            Issue.record("no authentication is asked for")
            return
        }
        #expect(hello.token == "secret")
        let isAwaited = machine.authenticated()
        #expect(isAwaited)
    }

    @Test func aNewerClientIsLetIn() throws {
        var machine = ServerStateMachine()
        _ = try machine.received(Self.hello(version: .max))
    }

    @Test func anotherMagic() {
        var machine = ServerStateMachine()
        expectFailure(.violation) { _ = try machine.received(Self.hello(magic: 0x7972_6546)) }
    }

    @Test func anOlderVersionThanTheOldest() {
        var machine = ServerStateMachine()
        let version = WireConstants.oldestVersion - 1
        expectFailure(.unsupported) { _ = try machine.received(Self.hello(version: version)) }
    }

    @Test func limitsAtTheMinimumAndOneBelow() throws {
        let least = FrameLimits(blockWindow: 1 << 20, nameWindow: 16)
        var machine = ServerStateMachine()
        _ = try machine.received(Self.hello(limits: least))
        var low = [least, least, least, least]
        low[0].header -= 1
        low[1].payload -= 1
        low[2].blockWindow -= 1
        low[3].nameWindow -= 1
        for limits in low {
            var machine = ServerStateMachine()
            expectFailure(.limit) { _ = try machine.received(Self.hello(limits: limits)) }
        }
    }

    @Test func aHelloWithAPayload() {
        var frame = Self.hello()
        frame.payload = ByteBuffer(bytes: [1])
        var machine = ServerStateMachine()
        expectFailure(.violation) { _ = try machine.received(frame) }
    }

    @Test(arguments: requests + others + [failure]) func anythingElseFirst(_ frame: Frame) {
        var machine = ServerStateMachine()
        expectFailure(.violation) { _ = try machine.received(frame) }
    }

    @Test(arguments: requests + others + [hello()]) func aFrameBeforeTheHelloIsAnswered(_ frame: Frame) throws {
        var machine = ServerStateMachine()
        _ = try machine.received(Self.hello())
        expectFailure(.violation) { _ = try machine.received(frame) }
    }

    @Test func aLoginThatWasCheckedTooLateIsNotWelcomed() throws {
        var machine = ServerStateMachine()
        _ = try machine.received(Self.hello())
        machine.closed()
        let isAwaited = machine.authenticated()
        #expect(!isAwaited)
        #expect(machine.isClosed)
    }

    // MARK: Requests

    @Test(arguments: requests) func aRequestStarts(_ frame: Frame) throws {
        var machine = try Self.ready()
        guard case .start = try machine.received(frame) else {
            Issue.record("the request does not start")
            return
        }
        #expect(machine.isOperating)
        #expect(ended(&machine) == nil)
        #expect(!machine.isOperating)
    }

    @Test(arguments: others + [hello()]) func aFrameThatIsNoRequest(_ frame: Frame) throws {
        var machine = try Self.ready()
        expectFailure(.violation) { _ = try machine.received(frame) }
    }

    @Test(arguments: requests) func aRequestWithAPayload(_ frame: Frame) throws {
        var frame = frame
        frame.payload = ByteBuffer(bytes: [1])
        var machine = try Self.ready()
        expectFailure(.violation) { _ = try machine.received(frame) }
        var busy = try Self.operating()
        expectFailure(.violation) { _ = try busy.received(frame) }
    }

    @Test(arguments: others) func whatArrivesDuringARequestIsTheOperations(_ frame: Frame) throws {
        var machine = try Self.operating()
        guard case .forward(frame) = try machine.received(frame) else {
            Issue.record("the frame is not forwarded")
            return
        }
    }

    @Test func oneRequestIsHeldAndASecondRefused() throws {
        var machine = try Self.operating()
        guard case .discard = try machine.received(.stat(path: .init([1]))) else {
            Issue.record("the request is not held")
            return
        }
        // Frames of the operation that is running still reach it.
        guard case .forward = try machine.received(.credit(1)) else {
            Issue.record("the frame is not forwarded")
            return
        }
        var copy = machine
        expectFailure(.violation) { _ = try copy.received(.stat(path: .init([2]))) }
        guard case .stat(let next) = machine.operationEnded() else {
            Issue.record("the held request does not start")
            return
        }
        #expect(next.path == .init([1]))
        #expect(machine.isOperating)
        #expect(ended(&machine) == nil)
        #expect(!machine.isOperating)
    }

    // MARK: Joining

    private static func joined() throws -> ServerStateMachine {
        var machine = try self.ready()
        _ = try machine.received(.join(Data([1])))
        return machine
    }

    @Test func aTicketIsHandedOut() throws {
        var machine = try Self.ready()
        guard case .join(Data([1, 2])) = try machine.received(.join(Data([1, 2]))) else {
            Issue.record("the connection does not join")
            return
        }
        #expect(machine.isOperating)
        guard case .forward(.credit(1)) = try machine.received(.credit(1)) else {
            Issue.record("the frame is not forwarded")
            return
        }
    }

    @Test(arguments: requests + [.join(Data())]) func whoHasJoinedAsksForNothingElse(_ frame: Frame) throws {
        var machine = try Self.joined()
        expectFailure(.violation) { _ = try machine.received(frame) }
    }

    @Test(arguments: requests) func afterARefusalAnythingMayBeAskedFor(_ frame: Frame) throws {
        var machine = try Self.joined()
        machine.joinRefused()
        guard case .start = try machine.received(frame) else {
            Issue.record("the request does not start")
            return
        }
        // Too late to be refused.
        machine.joinRefused()
        #expect(machine.isOperating)
    }

    @Test func aTicketWithAPayloadOrInTheMidstOfARequest() throws {
        var frame = Frame.join(Data([1]))
        var busy = try Self.operating()
        // The operation that runs refuses it.
        guard case .forward = try busy.received(frame) else {
            Issue.record("the frame is not forwarded")
            return
        }
        frame.payload = ByteBuffer(bytes: [1])
        var machine = try Self.ready()
        expectFailure(.violation) { _ = try machine.received(frame) }
        var anonymous = ServerStateMachine()
        expectFailure(.violation) { _ = try anonymous.received(.join(Data([1]))) }
    }

    // MARK: The end

    @Test func aFailureOfTheClientEndsTheConnectionWithItsReason() throws {
        var authenticating = ServerStateMachine()
        _ = try authenticating.received(Self.hello())
        for var machine in [authenticating, try Self.ready(), try Self.operating()] {
            #expect {
                _ = try machine.received(Self.failure)
            } throws: { error in
                guard let error = error as? FerryError, case .remote = error.origin else { return false }
                return error.code == .noSpace && error.message == "the client's\\x0Adisk"
            }
        }
    }

    @Test(arguments: requests + others + [hello(), failure]) func onceClosedEverythingIsDiscarded(_ frame: Frame) throws
    {
        var machine = try Self.operating()
        machine.closed()
        guard case .discard = try machine.received(frame) else {
            Issue.record("the frame is not discarded")
            return
        }
        #expect(ended(&machine) == nil)
        #expect(machine.isClosed)
        #expect(!machine.isOperating)
    }

    /// The name of the request that starts as the running one ends.
    private func ended(_ machine: inout ServerStateMachine) -> String? {
        machine.operationEnded().map { "\($0)" }
    }
}
