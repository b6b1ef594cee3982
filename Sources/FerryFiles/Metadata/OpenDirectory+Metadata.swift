package import FerryErrors
import Glibc

// What things in a directory have besides their content; the empty name is the directory itself.
extension OpenDirectory {
    /// Extended attributes.
    /// - Parameters:
    ///   - name: of a thing in it, of a link itself.
    ///   - isMeant: which of them.
    /// - Returns: those, in no order.
    /// - Throws: `permission` and other mapped errors.
    package func attributes(_ name: [UInt8], where isMeant: ([UInt8]) -> Bool) throws(FerryError) -> [ExtendedAttribute]
    {
        do throws(Errno) {
            let (raw, string) = try (self.descriptor.raw, Self.label(name))
            var attributes: [ExtendedAttribute] = []
            for label in try self.calls.attributeNames(raw, string) where isMeant(label) {
                guard let value = try self.calls.attribute(raw, string, label) else { continue }
                attributes.append(ExtendedAttribute(name: label, value: value))
            }
            return attributes
        } catch {
            throw self.failure(error, "read the extended attributes of", name)
        }
    }

    /// Whether new files in it get an ACL from it.
    /// - Throws: mapped errors.
    package func handsDownAccess() throws(FerryError) -> Bool {
        do throws(Errno) {
            return try self.calls.attribute(self.descriptor.raw, CString.none, ExtendedAttribute.standard) != nil
        } catch {
            throw self.failure(error, "read the extended attributes of", [])
        }
    }

    /// Whether a thing has other attributes than those that it is to have.
    /// - Parameters:
    ///   - name: of a thing in it.
    ///   - metadata: what it is to have.
    /// - Returns: whether something is to be set or removed.
    /// - Throws: `permission` and other mapped errors.
    package func hasOtherAttributes(_ name: [UInt8], than metadata: FileMetadata) throws(FerryError) -> Bool {
        guard metadata.policy.looksAtAttributes else { return false }
        let here = try self.attributes(name, where: metadata.policy.manages)
        return here.sorted { $0.name.lexicographicallyPrecedes($1.name) } != metadata.attributes
    }

    /// Gives a thing what differs from what it has.
    /// - Parameters:
    ///   - name: of a thing in it.
    ///   - metadata: what it is to have.
    ///   - now: its status.
    ///   - modified: its time of modification; nil leaves it.
    /// - Throws: `permission` and other mapped errors; all that can be set is.
    package func give(
        _ name: [UInt8],
        _ metadata: FileMetadata,
        now: FileInfo,
        modified: Timestamp? = nil
    ) throws(FerryError) {
        var failure: FerryError?
        do throws(Errno) {
            let writer = try self.writer(Self.label(name), name)
            failure = try writer.write(metadata, now: now, modified: modified)
            failure = try writer.giveAway(metadata, now: now) ?? failure
        } catch {
            throw self.failure(error, "set the metadata of", name)
        }
        if let failure { throw failure }
    }

    /// Puts a FIFO, a device node, or an empty file that stands for one, in the place of `name`.
    /// - Parameters:
    ///   - name: may be taken by anything but a directory.
    ///   - told: what the sender tells.
    ///   - metadata: what it is to have.
    ///   - modified: its time of modification.
    /// - Throws: `permission` for a device node that only an administrator may make; other mapped errors.
    package func makeSpecial(
        _ name: [UInt8],
        _ told: ToldMetadata,
        _ metadata: FileMetadata,
        modified: Timestamp
    ) throws(FerryError) {
        // A node made for whoever may push would open a device of this machine to whoever may read the share.
        let isKept = told.isDevice && metadata.keepsDevices
        var failure: FerryError?
        try self.placing(name, told.isDevice ? "make the device node" : "make the FIFO") { hidden throws(Errno) in
            try self.calls.mknodat(
                self.descriptor.raw,
                hidden,
                kind: isKept ? UInt32(S_IFREG) : told.kind,
                device: isKept ? 0 : told.device
            )
            let now = try self.calls.info(self.descriptor.raw, hidden)
            let writer = self.writer(hidden, name)
            failure = try writer.write(metadata, now: now, modified: modified)
            failure = try writer.giveAway(metadata, now: now) ?? failure
        }
        if let failure { throw failure }
    }

    /// As ``entry(_:)``; the empty name is the directory itself.
    private static func label(_ name: [UInt8]) throws(Errno) -> [CChar] {
        name.isEmpty ? CString.none : try self.entry(name)
    }

    private func writer(_ string: [CChar], _ name: [UInt8]) -> MetadataWriter {
        MetadataWriter(
            calls: self.calls,
            directory: self.descriptor.raw,
            name: string,
            description: Escaping.escape(name.isEmpty ? self.path : self.path(of: name))
        )
    }
}
