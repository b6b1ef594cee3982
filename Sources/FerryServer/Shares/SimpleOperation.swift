import FerryCatalog
import FerryErrors
import FerryFiles
import FerryProtocol
import FerryTransfer
import FerryWire
import FoundationEssentials

/// A request that is done in one step: stat, remove, mkdir.
final class SimpleOperation: FrameOperation {
    private let work: (any FrameSink) throws(FerryError) -> Void

    private init(_ work: @escaping (any FrameSink) throws(FerryError) -> Void) {
        self.work = work
    }

    let summary = TransferSummary()
    let canBeRefused = true

    func received(_ frame: Frame, sink: any FrameSink) throws(FerryError) {
        throw FerryError(.violation, "a frame came before the request was answered")
    }

    func proceed(sink: any FrameSink) throws(FerryError) -> Progress {
        try self.work(sink)
        sink.send(.finished())
        return .finished
    }

    func abandoned(_ error: FerryError) {}

    static func stat(_ request: WireStat, _ access: ShareAccess) -> SimpleOperation {
        SimpleOperation { sink throws(FerryError) in
            if ShareAccess.isSnapshot(request.path) {
                let location = try access.snapshot(request.path)
                let name = location.path.lastComponent ?? Array(location.place.record.name.text.utf8)
                let entry = try location.content.resolved(location.entry)
                return sink.send(.entries([WireEntry(name: name, entry: entry)]))
            }
            let location = try access.locate(request.path, .read, allowRoot: true)
            let info = try location.root.info(location.path)
            let name = location.path.lastComponent ?? Array(location.share.name.text.utf8)
            sink.send(.entries([WireEntry(name: name, info: info, Accounts())]))
        }
    }

    static func remove(_ request: WireRemove, _ access: ShareAccess) -> SimpleOperation {
        SimpleOperation { _ throws(FerryError) in
            let location = try access.locate(request.path, .write)
            try location.root.remove(location.path)
        }
    }

    static func makeDirectory(_ request: WireMakeDirectory, _ access: ShareAccess) -> SimpleOperation {
        SimpleOperation { _ throws(FerryError) in
            let location = try access.locate(request.path, .write)
            try access.services.roots.checkSpace(location, for: 0)
            try location.root.makeDirectory(location.path, parents: request.makeParents)
        }
    }
}
