import FerryChunking
import FerryErrors
import FerryFiles
import FerryStorage
import FerryTestKit
import Foundation
import Synchronization
import Testing

@Suite struct LocalStoreTests {
    private let directory: TemporaryDirectory
    private var path: String { self.directory.path + "/store" }

    init() throws {
        self.directory = try TemporaryDirectory()
        try LocalStore.create(at: self.path, configuration: [1, 2, 3])
    }

    /// Calls as they are made; one of them may fail.
    private final class Script: Sendable {
        private let names = Mutex<[SystemCalls.Name]>([])
        private let failAt: Int?
        private let verdict: SystemCalls.Verdict

        init(failAt: Int? = nil, _ verdict: SystemCalls.Verdict = .proceed) {
            (self.failAt, self.verdict) = (failAt, verdict)
        }

        /// All so far, which are forgotten.
        func take() -> [SystemCalls.Name] {
            self.names.withLock { names in
                defer { names = [] }
                return names
            }
        }

        var calls: SystemCalls {
            SystemCalls { name, _ in
                let number = self.names.withLock { names in
                    names.append(name)
                    return names.count - 1
                }
                return number == self.failAt ? self.verdict : .proceed
            }
        }
    }

    private static func id(_ number: Int) -> ChunkID { withUnsafeBytes(of: number) { ChunkID(hashing: $0) } }

    private static func put(_ store: LocalStore, _ name: ObjectName, _ bytes: [UInt8]) throws(FerryError) {
        let upload = try store.begin()
        try upload.append(Array(bytes.prefix(bytes.count / 2)))
        try upload.append(Array(bytes.dropFirst(bytes.count / 2)))
        try upload.finish(as: name)
    }

    private static func names(_ store: LocalStore, _ area: StoreArea) throws -> Set<ChunkID> {
        var names: Set<ChunkID> = []
        try store.list(area) { names.insert($0) }
        return names
    }

    @Test func whatIsPutIsThere() throws {
        let bytes: [UInt8] = (0..<100_000).map { UInt8(truncatingIfNeeded: $0) }
        let names: [ObjectName] = (0..<300).map { ObjectName($0 < 290 ? .packs : .snapshots, Self.id($0)) }
        do {
            let store = try LocalStore(path: self.path)
            for name in names { try Self.put(store, name, bytes) }
            // One that is not ended is nowhere.
            let upload = try store.begin()
            try upload.append([1])
            store.close()
        }
        let store = try LocalStore(path: self.path)
        #expect(try store.configuration() == [1, 2, 3])
        #expect(try Self.names(store, .packs) == Set(names.prefix(290).map(\.id)))
        #expect(try Self.names(store, .snapshots) == Set(names.suffix(10).map(\.id)))
        #expect(try store.size(of: names[0]) == 100_000)
        #expect(try store.read(names[0], at: 99_990, count: 20) == Array(bytes.suffix(10)))
        #expect(try store.read(names[299], at: 5, count: 3) == [5, 6, 7])
        #expect(try store.read(names[299], at: .max, count: 3) == [])
        for name in names.prefix(100) + [ObjectName(.packs, Self.id(999))] { try store.remove(name) }
        #expect(try Self.names(store, .packs).count == 190)
        #expect(throws: FerryError.self) { try store.size(of: names[0]) }
        #expect(throws: FerryError.self) { try store.read(names[0], at: 0, count: 1) }
        store.close()
    }

    @Test func bytesAreDurableBeforeTheirNameAndTheNameBeforeTheAnswer() throws {
        let script = Script()
        let store = try LocalStore(path: self.path, calls: script.calls)
        let (first, second) = (ObjectName(.packs, Self.id(1)), ObjectName(.snapshots, Self.id(1)))
        _ = script.take()
        try Self.put(store, first, [1, 2])
        // The shelf is new: it is made and synced first.
        #expect(script.take() == [.openat2, .pwrite, .pwrite, .fsync, .mkdirat, .fsync, .openat2, .renameat, .fsync])
        try Self.put(store, first, [1, 2])
        #expect(script.take() == [.openat2, .pwrite, .pwrite, .fsync, .renameat, .fsync])
        try Self.put(store, second, [1, 2])
        #expect(script.take() == [.openat2, .pwrite, .pwrite, .fsync, .renameat, .fsync])
        try store.remove(first)
        #expect(script.take() == [.unlinkat, .fsync])
        store.close()
    }

    @Test func whicheverCallFailsNothingHalfIsThere() throws {
        let name = ObjectName(.packs, Self.id(1))
        let bytes = [UInt8](repeating: 7, count: 10_000)
        let codes: [(Int32, FerryError.Code)] = [(ENOSPC, .noSpace), (EIO, .inputOutput), (EDQUOT, .noSpace)]
        for (number, code) in codes {
            for index in 0..<9 {
                let plain = Script()
                let probe = try LocalStore(path: self.path, calls: plain.calls)
                let opening = plain.take().count
                probe.close()
                let script = Script(failAt: opening + index, .fail(number))
                let store = try LocalStore(path: self.path, calls: script.calls)
                do throws(FerryError) {
                    try Self.put(store, name, bytes)
                    Issue.record("call \(index) was not made")
                } catch {
                    #expect(error.code == code)
                }
                #expect(try Self.names(store, .packs).isEmpty, "call \(index)")
                let left = try FileManager.default.contentsOfDirectory(atPath: self.path + "/tmp")
                #expect(left.isEmpty, "call \(index)")
                // The next one is not harmed.
                try Self.put(store, name, bytes)
                #expect(try store.read(name, at: 0, count: 20_000) == bytes)
                try store.remove(name)
                try FileManager.default.removeItem(atPath: self.path + "/packs/" + name.id.description.prefix(2))
                store.close()
            }
        }
    }

    @Test func shortWritesAreGoneOnWith() throws {
        let store = try LocalStore(
            path: self.path,
            calls: SystemCalls { name, _ in name == .pwrite ? .short(100) : .proceed }
        )
        let name = ObjectName(.snapshots, Self.id(1))
        let bytes = (0..<1000).map { UInt8(truncatingIfNeeded: $0) }
        try Self.put(store, name, bytes)
        #expect(try store.read(name, at: 0, count: 2000) == bytes)
        store.close()
    }

    @Test func strangeNamesAreNoObjects() throws {
        let name = ObjectName(.packs, Self.id(1))
        let shelf = self.path + "/packs/" + name.id.description.prefix(2)
        try FileManager.default.createDirectory(atPath: shelf, withIntermediateDirectories: true)
        let wrong = Self.id(2).description
        for strange in ["x", name.id.description.uppercased(), name.id.description + ".tmp", wrong] {
            try TemporaryDirectory.write(shelf + "/" + strange, "x")
        }
        try TemporaryDirectory.write(self.path + "/snapshots/README", "x")
        try TemporaryDirectory.write(self.path + "/tmp/left", "x")
        let store = try LocalStore(path: self.path)
        #expect(try Self.names(store, .packs).isEmpty)
        #expect(try Self.names(store, .snapshots).isEmpty)
        #expect(try FileManager.default.contentsOfDirectory(atPath: self.path + "/tmp").isEmpty)
        store.close()
    }

    @Test func oneProcessHasIt() throws {
        let store = try LocalStore(path: self.path)
        do throws(FerryError) {
            _ = try LocalStore(path: self.path)
            Issue.record("two have it")
        } catch {
            #expect(error.code == .locked)
        }
        store.close()
        try LocalStore(path: self.path).close()
    }

    @Test func whatIsMadeHalfCanBeMadeAgain() throws {
        let path = self.directory.path + "/other"
        let plain = Script()
        try LocalStore.create(at: path, configuration: [1], calls: plain.calls)
        for index in 0..<plain.take().count {
            let path = "\(self.directory.path)/other\(index)"
            let script = Script(failAt: index, .fail(EIO))
            #expect(throws: FerryError.self) {
                try LocalStore.create(at: path, configuration: [1], calls: script.calls)
            }
            if (try? Directories.info(path + "/config")) == nil {
                try LocalStore.create(at: path, configuration: [1])
            }
            let store = try LocalStore(path: path)
            #expect(try store.configuration() == [1])
            store.close()
        }
    }
}
