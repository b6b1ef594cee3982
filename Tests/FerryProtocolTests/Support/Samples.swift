import FerryChunking
import FerryErrors
import FerryProtocol
import FerryWire
import FoundationEssentials
import NIOCore
import SwiftProtobuf
import Testing

/// An id that is told from others by its number.
func id(_ number: Int) -> ChunkID {
    withUnsafeBytes(of: number) { ChunkID(hashing: $0) }
}

func names(_ ids: [ChunkID], lengths: [UInt32]) -> WireNames {
    .with {
        $0.ids = ChunkID.pack(ids)
        $0.lengths = lengths
    }
}

/// Names of chunks of like length.
func names(_ ids: [ChunkID], each length: UInt32 = 100) -> WireNames {
    names(ids, lengths: ids.map { _ in length })
}

func block(_ ids: [ChunkID], lengths: [UInt32]) -> WireBlock {
    .with {
        $0.ids = ChunkID.pack(ids)
        $0.lengths = lengths
    }
}

func wants(_ decided: Int, _ ids: [ChunkID] = [], after: UInt32 = 0) -> WireWants {
    .with {
        $0.decided = UInt32(decided)
        $0.ids = ChunkID.pack(ids)
        $0.after = after
    }
}

func end(_ digest: ChunkID, size: UInt64) -> WireEnd {
    .with {
        $0.digest = ChunkID.pack([digest])
        $0.size = size
    }
}

/// The digest of a recipe.
func digest(_ recipe: [(id: ChunkID, length: UInt32)]) -> ChunkID {
    var digest = RecipeDigest()
    for (id, length) in recipe { digest.update(id: id, length: length) }
    return digest.finalize()
}

/// Expects that `body` fails with a ``FerryError`` of this code.
func expectFailure(
    _ code: FerryError.Code,
    sourceLocation: SourceLocation = #_sourceLocation,
    _ body: () throws -> Void
) {
    #expect(sourceLocation: sourceLocation) {
        try body()
    } throws: { error in
        (error as? FerryError)?.code == code
    }
}

/// What became of a name.
enum Decision: Equatable {
    case want(ChunkID)
    case have(from: UInt64, ReceiveMachine.Name)
}

extension ReceiveMachine {
    /// Takes names and decides them as a receiver does that has nothing but the file itself.
    mutating func decide(_ names: WireNames) throws -> [Decision] {
        try self.namesReceived(names).map { name in
            guard let source = self.written(name.id) else {
                try self.lacked(name)
                return .want(name.id)
            }
            self.had(name)
            return .have(from: source, name)
        }
    }
}
