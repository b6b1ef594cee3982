import FerryChunking
import FerryErrors
import FerryStorage
import FerryTestKit
import Synchronization

/// A store in memory that knows what a power cut would leave, and that fails when it is told to.
final class CrashStore: ObjectStore {
    /// Something that a store does; one call consists of one or several.
    enum Step: String, Sendable {
        case configuration, begin, append, sync, rename, syncDirectory, size, read, list, settle, remove
    }

    /// What happens at a step.
    enum Fault: Sendable {
        /// This step fails, and all that follow.
        case cut
        /// This step alone fails.
        case fail(FerryError.Code)
    }

    private struct State {
        let configuration: [UInt8]
        /// What a power cut leaves.
        var durable: [ObjectName: [UInt8]]
        /// What the process sees.
        var seen: [ObjectName: [UInt8]]
        /// What a power cut may leave or not.
        var undecided: [ObjectName: [UInt8]] = [:]
        var steps: [Step] = []
        var faultAt: Int?
        var fault = Fault.cut
    }

    private let state: Mutex<State>

    init(configuration: [UInt8], objects: [ObjectName: [UInt8]] = [:], faultAt: Int? = nil, _ fault: Fault = .cut) {
        self.state = Mutex(
            State(configuration: configuration, durable: objects, seen: objects, faultAt: faultAt, fault: fault)
        )
    }

    /// All that was done.
    var steps: [Step] { self.state.withLock { $0.steps } }
    var objects: [ObjectName: [UInt8]] { self.state.withLock { $0.seen } }

    /// The store as the machine finds it when power is back.
    func afterPowerCut(_ generator: inout SeededGenerator) -> CrashStore {
        let (configuration, durable, undecided) = self.state.withLock { ($0.configuration, $0.durable, $0.undecided) }
        var objects = durable
        for (name, bytes) in undecided where generator.oneIn(2) { objects[name] = bytes }
        return CrashStore(configuration: configuration, objects: objects)
    }

    /// The store as the next process finds it when this one was killed.
    func afterKill() -> CrashStore {
        self.state.withLock { CrashStore(configuration: $0.configuration, objects: $0.seen) }
    }

    fileprivate func step(_ step: Step) throws(FerryError) {
        try self.state.withLock { state throws(FerryError) in
            let number = state.steps.count
            state.steps.append(step)
            guard let faultAt = state.faultAt else { return }
            switch state.fault {
            case .cut:
                guard number < faultAt else { throw FerryError(.inputOutput, "no power at step \(faultAt)") }
            case .fail(let code):
                guard number != faultAt else { throw FerryError(code, "step \(faultAt), \(step.rawValue), failed") }
            }
        }
    }

    fileprivate func rename(_ name: ObjectName, _ bytes: [UInt8]) {
        self.state.withLock { state in
            state.seen[name] = bytes
            state.undecided[name] = bytes
        }
    }

    fileprivate func makeDurable(_ name: ObjectName) {
        self.state.withLock { state in
            state.durable[name] = state.seen[name]
            state.undecided[name] = nil
        }
    }

    fileprivate func forget(_ name: ObjectName) { self.state.withLock { $0.seen[name] = nil } }

    func configuration() throws(FerryError) -> [UInt8] {
        try self.step(.configuration)
        return self.state.withLock { $0.configuration }
    }

    func begin() throws(FerryError) -> any ObjectUpload {
        try self.step(.begin)
        return Upload(self)
    }

    private func bytes(_ name: ObjectName) throws(FerryError) -> [UInt8] {
        guard let bytes = self.state.withLock({ $0.seen[name] }) else {
            throw FerryError(.notFound, "there is no \(name)")
        }
        return bytes
    }

    func size(of name: ObjectName) throws(FerryError) -> UInt64 {
        try self.step(.size)
        return UInt64(try self.bytes(name).count)
    }

    func read(
        _ name: ObjectName,
        at offset: UInt64,
        into buffer: UnsafeMutableRawBufferPointer
    ) throws(FerryError) -> Int {
        try self.step(.read)
        let bytes = try self.bytes(name).dropFirst(Int(clamping: offset)).prefix(buffer.count)
        buffer.copyBytes(from: bytes)
        return bytes.count
    }

    func list(_ area: StoreArea, _ body: (ChunkID) throws(FerryError) -> Void) throws(FerryError) {
        try self.step(.list)
        for name in self.objects.keys.sorted(by: { $0.id < $1.id }) where name.area == area { try body(name.id) }
    }

    func settle(_ name: ObjectName) throws(FerryError) {
        try self.step(.settle)
        self.makeDurable(name)
    }

    func remove(_ name: ObjectName) throws(FerryError) {
        try self.step(.remove)
        self.state.withLock { state in
            state.undecided[name] = state.durable.removeValue(forKey: name)
            state.seen[name] = nil
        }
        try self.step(.syncDirectory)
        self.state.withLock { $0.undecided[name] = nil }
    }

    func close() {}

    private final class Upload: ObjectUpload {
        private let store: CrashStore
        private var bytes: [UInt8] = []

        init(_ store: CrashStore) { self.store = store }

        func append(_ bytes: UnsafeRawBufferPointer) throws(FerryError) {
            try self.store.step(.append)
            self.bytes += bytes
        }

        func finish(as name: ObjectName) throws(FerryError) {
            try self.store.step(.sync)
            try self.store.step(.rename)
            self.store.rename(name, self.bytes)
            do throws(FerryError) { try self.store.step(.syncDirectory) } catch {
                // The name may come back after a power cut.
                self.store.forget(name)
                throw error
            }
            self.store.makeDurable(name)
        }

        func discard() {}
    }
}
