import FerryCatalog
import FerryChunking
import FerryErrors
import FerryObjects
import FerryStorage

/// Checks packs against the index, and their bytes against their ids.
struct PackCheck {
    let repository: Repository
    let decompressor = BlockDecompressor()

    private var index: RepositoryIndex { self.repository.index }

    /// Checks one pack. What is no good is dropped from the index. Readers may drop some of it at the same time.
    ///
    /// - Parameters:
    ///   - pack: as the index knows it.
    ///   - places: what ``RepositoryIndex/placeCounts()`` tells of it.
    ///   - reads: whether every byte is read.
    ///   - report: gets what is found.
    /// - Throws: what index and store met, but not what is damaged.
    func check(_ pack: IndexedPack, places: Int, reads: Bool, _ report: inout VerifyReport) throws(FerryError) {
        report.packs += 1
        let contents: PackContents
        do throws(FerryError) {
            contents = try PackReader(store: self.repository.store).contents(of: pack.name)
        } catch {
            guard error.isDamage else { throw error }
            guard let told = try self.index.compare([], of: pack) else { return }
            report.note(pack.name, "the pack \(pack.name) cannot be read: \(error.message)")
            report.lost += UInt64(max(0, places - told.dropped))
            return try self.repository.voidingMarks { () throws(FerryError) in
                try self.index.dropPacks([pack.number], areMissing: false)
            }
        }
        if let damage = contents.damage {
            report.note(pack.name, "the pack \(pack.name) was read without its footer: \(damage.message)")
        }
        let objects = contents.objects
        guard let told = try self.index.compare(objects, of: pack) else { return }
        if pack.kind != contents.header.kind || pack.salt != contents.header.salt || pack.length != contents.length {
            return try self.takeInAgain(pack, contents, &report)
        }
        let distinct = Set(objects.map { Place($0) })
        let dropped = Set(zip(objects, told.objects).compactMap { $1.isDropped ? Place($0) : nil })
        if told.objects.contains(.other) || places - told.dropped != distinct.count - dropped.count {
            report.note(
                pack.name,
                "the index told of the pack \(pack.name) what is not in it, or not all; it was corrected"
            )
            try self.repository.voidingMarks { () throws(FerryError) in try self.index.replace(pack, objects) }
        }
        let bad = reads ? try self.read(contents, pack, &report) : nil
        try self.judge(objects, told.objects, bad, pack, &report)
    }

    /// Has the index take in anew a pack that it had wrong. What was dropped there may have been good, or not: so all of it is read.
    private func takeInAgain(
        _ pack: IndexedPack,
        _ contents: PackContents,
        _ report: inout VerifyReport
    ) throws(FerryError) {
        report.note(pack.name, "the index had the pack \(pack.name) wrong; it takes it in again")
        try self.repository.voidingMarks { () throws(FerryError) in
            try self.index.dropPacks([pack.number], areMissing: false)
            try self.index.add(
                pack.name,
                contents.header,
                length: contents.length,
                contents.objects,
                completeIn: nil
            )
        }
        guard let again = try self.index.pack(named: pack.name),
            let told = try self.index.compare(contents.objects, of: again)
        else { return }
        let bad = try self.read(contents, again, &report)
        try self.judge(contents.objects, told.objects, bad, again, &report)
    }

    private struct Place: Hashable {
        let id: ChunkID
        let block: UInt32

        init(_ object: IndexedObject) { (self.id, self.block) = (object.id, object.place.block) }
    }

    /// Drops what is newly found to be no good, takes back what can be read after all, and tells of what is lost. Without `bad` the
    /// bytes were not read.
    private func judge(
        _ objects: [IndexedObject],
        _ tellings: [RepositoryIndex.Telling],
        _ bad: [IndexedObject]?,
        _ pack: IndexedPack,
        _ report: inout VerifyReport
    ) throws(FerryError) {
        let dropped = zip(objects, tellings).filter { $1.isDropped }
        let places = Set((bad ?? []).map { Place($0) })
        let known = dropped.filter { bad == nil || places.contains(Place($0.0)) }
        let good = dropped.map(\.0).filter { bad != nil && !places.contains(Place($0)) }
        if !good.isEmpty {
            report.note(
                pack.name,
                "\(good.count) objects in the pack \(pack.name) could not be read before, and can be now"
            )
            try self.index.takeBack(good, of: pack)
        }
        let fresh = places.subtracting(known.map { Place($0.0) })
        if !fresh.isEmpty {
            let new = (bad ?? []).filter { fresh.contains(Place($0)) }
            try self.repository.voidingMarks { () throws(FerryError) in try self.index.drop(new, of: pack) }
        }
        // A reader may have met some, and told nobody but its user.
        let untold = fresh.count + Set(known.filter { $1 == .dropped(isTold: false) }.map { Place($0.0) }).count
        if untold > 0 {
            report.note(pack.name, "\(untold) of the \(objects.count) objects in the pack \(pack.name) are damaged")
            try self.index.noteTold(pack)
        }
        let gone = Array(Set((known.map(\.0) + (bad ?? [])).map { ObjectKey(pack.kind, $0.id) }))
        let lost = UInt64(try self.index.isStored(gone).count { !$0 })
        report.lost += lost
        report.healed += UInt64(gone.count) - lost
        if lost > 0, untold == 0 {
            report.note(pack.name, "\(lost) objects that were damaged in the pack \(pack.name) are lost")
        }
    }

    /// Reads every block.
    ///
    /// - Returns: the objects that are not what they should be.
    private func read(
        _ contents: PackContents,
        _ pack: IndexedPack,
        _ report: inout VerifyReport
    ) throws(FerryError) -> [IndexedObject] {
        if let error = self.damageOfHeader(contents, pack) {
            // Its footer has a copy, so that nothing is lost.
            report.note(pack.name, "the header of the pack \(pack.name) is damaged: \(error.message)")
        }
        var bad: [IndexedObject] = []
        for listed in contents.blocks {
            report.blocks += 1
            report.bytes += UInt64(listed.header.totalLength)
            let (found, isWhole) = try self.bad(listed, pack)
            bad += found
            if found.isEmpty, !isWhole {
                report.note(pack.name, "a block of the pack \(pack.name) is damaged where it does no harm")
            }
        }
        return bad
    }

    private func damageOfHeader(_ contents: PackContents, _ pack: IndexedPack) -> FerryError? {
        do throws(FerryError) {
            let name = ObjectName(.packs, pack.name)
            let header = try PackHeader(try self.repository.store.read(name, at: 0, count: PackHeader.length))
            return header == contents.header ? nil : FerryError(.integrity, "it is another one's")
        } catch {
            return error
        }
    }

    /// What of a block is not what it should be, and whether its stored bytes have their sum.
    func bad(
        _ listed: PackFooter.Block,
        _ pack: IndexedPack
    ) throws(FerryError) -> (objects: [IndexedObject], isWhole: Bool) {
        let objects = listed.objects
        guard let place = objects.first?.place else { return ([], true) }
        let (raw, isWhole): ([UInt8], Bool)
        do throws(FerryError) {
            let block = try StoredBlock(place, of: pack, in: self.repository.store)
            guard block.header == listed.header else { return (objects, false) }
            // A chunk may be whole though its neighbour is not.
            (raw, isWhole) = (try block.inflated(self.decompressor), block.isWhole)
        } catch {
            guard error.isDamage else { throw error }
            return (objects, false)
        }
        // SAFETY: the header's lengths add up to those of the raw bytes; the pointers do not leave the closure.
        let ids = unsafe raw.withUnsafeBytes { raw in
            unsafe ChunkID.hashing(
                objects.map { object in
                    let start = Int(object.place.offset)
                    return unsafe UnsafeRawBufferPointer(rebasing: raw[start..<(start + Int(object.place.length))])
                }
            )
        }
        return (zip(objects, ids).compactMap { $0.id == $1 ? nil : $0 }, isWhole)
    }
}

extension RepositoryIndex.Telling {
    fileprivate var isDropped: Bool {
        if case .dropped = self { true } else { false }
    }
}
