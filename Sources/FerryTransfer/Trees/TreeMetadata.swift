import FerryErrors
package import FerryFiles
package import FerryWire

extension MetadataPolicy {
    /// What a client asks for.
    ///
    /// - Parameters:
    ///   - options: of the request.
    ///   - isDaemon: which side this is.
    package init(_ options: WireTreeOptions, isDaemon: Bool) {
        self.init()
        self.isDaemon = isDaemon
        self.owners = !options.noOwner
        self.attributes = !options.noAttributes
        self.isNumeric = options.numericIds
        self.specials = options.specials
    }
}

extension TreeReceiver.Options {
    /// Whether the top gets the sender's metadata.
    ///
    /// - Parameter info: its status.
    /// - Returns: false for what is only where one thing goes, and another's, who lets this process put something into it.
    func mayChangeTop(_ info: FileInfo) -> Bool {
        self.single == nil && (info.isOurs || self.metadata.isPrivileged)
    }
}

extension OpenDirectory {
    /// How a thing differs from what it is to have besides its content and its time.
    ///
    /// - Parameters:
    ///   - name: of a thing in it; empty for the directory itself.
    ///   - here: its status.
    ///   - metadata: what it is to have.
    /// - Returns: in what.
    /// - Throws: what looking at it fails with.
    func reasons(_ name: [UInt8], _ here: FileInfo, _ metadata: FileMetadata) throws(FerryError) -> TreeChange.Reasons {
        var reasons: TreeChange.Reasons = []
        if let mode = metadata.mode, mode != here.mode { reasons.insert(.mode) }
        if let owner = metadata.owner, owner != Owner(here) { reasons.insert(.owner) }
        if try self.hasOtherAttributes(name, than: metadata) { reasons.insert(.attributes) }
        return reasons
    }
}
