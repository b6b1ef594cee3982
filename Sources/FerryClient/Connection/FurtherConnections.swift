import FerryErrors
import FerryProtocol
import FerryTransport
import FerryWire
import FoundationEssentials
import Synchronization

/// The connections that join one transfer besides its own: as many as can be had, while it goes on.
final class FurtherConnections: Sendable {
    /// What became of one of them: its session's id, or why it did not join.
    typealias Report = @Sendable (Result<String, FerryError>) -> Void

    private struct State {
        var connections: [ClientConnection] = []
        var hasBegun = false
        var isClosed = false
    }

    /// A smaller file is through before they have joined, in bytes.
    private static let leastSize: UInt64 = 4 << 20

    private let count: Int
    private let connect: @Sendable () async throws -> ClientConnection
    private let report: Report
    private let state = Mutex(State())

    /// - Parameters:
    ///   - count: how many are wished for.
    ///   - connect: makes one.
    ///   - report: told of each, on any thread.
    init(_ count: Int, connect: @escaping @Sendable () async throws -> ClientConnection, report: @escaping Report) {
        self.count = count
        self.connect = connect
        self.report = report
    }

    /// The daemon is ready: whoever has a ticket joins.
    func join(_ ready: WireReady, _ runner: OperationRunner) {
        guard !ready.tickets.isEmpty, !ready.hasSize || ready.size >= Self.leastSize else { return }
        let isFirst = self.state.withLock { state in
            defer { state.hasBegun = true }
            return !state.hasBegun
        }
        guard isFirst else { return }
        for (index, ticket) in ready.tickets.prefix(self.count).enumerated() {
            Task { await self.join(ticket, as: index + 1, runner) }
        }
    }

    /// The transfer is over.
    func close() async {
        let connections = self.state.withLock { state in
            state.isClosed = true
            defer { state.connections = [] }
            return state.connections
        }
        await withDiscardingTaskGroup { group in
            for connection in connections { group.addTask { await connection.close() } }
        }
    }

    private func join(_ ticket: Data, as number: Int, _ runner: OperationRunner) async {
        do {
            let connection = try await self.connect()
            guard self.keep(connection) else { return await connection.close() }
            try await connection.join(ticket, as: number, of: runner)
            self.report(.success(connection.session))
        } catch {
            guard !self.state.withLock({ $0.isClosed }) else { return }
            self.report(.failure(error as? FerryError ?? FerryError(.connection, "\(error)", cause: error)))
        }
    }

    private func keep(_ connection: ClientConnection) -> Bool {
        self.state.withLock { state in
            if !state.isClosed { state.connections.append(connection) }
            return !state.isClosed
        }
    }
}
