import FerryCatalog
import FerryErrors
import FerryObjects

extension Repository {
    /// Looks again at a place where a reader met damage, and forgets what is no good in its block, so that the next backup sends it again.
    ///
    /// - Parameters:
    ///   - key: what should lie there.
    ///   - location: the place.
    /// - Throws: what index and store met, but not what is damaged.
    func drop(_ key: ObjectKey, at location: ObjectLocation) throws(FerryError) {
        // Another reader may have met it, too.
        guard let pack = try self.index.pack(location.pack), try self.index.locations(key).contains(location) else {
            return
        }
        let contents: PackContents
        do throws(FerryError) { contents = try PackReader(store: self.store).contents(of: pack.name) } catch {
            guard error.isLoss else { throw error }
            return try self.voidingMarks { () throws(FerryError) in
                guard try self.index.pack(location.pack)?.name == pack.name else { return }
                if error.code == .notFound {
                    try self.index.dropPacks([pack.number], areMissing: true)
                } else {
                    try self.index.drop([IndexedObject(id: key.id, place: location.place)], of: pack)
                }
            }
        }
        var bad: [IndexedObject] = []
        let told = IndexedObject(id: key.id, place: location.place)
        if let block = contents.blocks.first(where: { $0.offset == location.place.block }) {
            bad = try PackCheck(repository: self).bad(block, pack).objects
            // Or else the index has it wrong.
            if !bad.contains(told), !block.objects.contains(told) { bad.append(told) }
        } else {
            bad = [told]
        }
        guard !bad.isEmpty else { return }
        try self.voidingMarks { () throws(FerryError) in
            // The index may have been made anew meanwhile.
            guard try self.index.pack(location.pack)?.name == pack.name else { return }
            try self.index.drop(bad, of: pack)
        }
    }
}
