import FerryErrors
import FerryFiles

// Links and special files: made at once, for they have no content to wait for.
extension TreeTarget {
    func symlink(
        _ item: TreeItem,
        _ here: FileInfo?,
        in directory: TargetDirectory,
        _ path: [UInt8]
    ) throws(FerryError) -> Decision {
        guard !item.target.isEmpty, !item.target.contains(0), item.target.count <= RelativePath.maximumLength else {
            throw FerryError(.violation, "a link says what no link can say")
        }
        var reasons: TreeChange.Reasons = []
        if let here {
            if here.kind == .directory { return try self.replaceDirectory(item, in: directory, path) }
            if here.kind != .symlink {
                reasons = .kind
            } else {
                if here.modified != item.modified, !self.options.verifies { reasons.insert(.time) }
                if try directory.directory.linkText(item.name) != item.target { reasons.insert(.target) }
                let metadata = self.metadata(of: item, here, in: directory)
                if !self.options.verifies {
                    reasons.formUnion(try directory.directory.reasons(item.name, here, metadata))
                }
                if reasons.isEmpty { return .nothing }
            }
        }
        self.report(path, here == nil ? .new : .changed, reasons, item)
        guard !self.options.isDryRun else { return .nothing }
        try self.make(item, in: directory)
        return .nothing
    }

    func special(
        _ item: TreeItem,
        _ here: FileInfo?,
        in directory: TargetDirectory,
        _ path: [UInt8]
    ) throws(FerryError) -> Decision {
        guard self.options.metadata.specials else {
            throw FerryError(.violation, "\(Escaping.escape(path)) is a special file, and nobody asked for those")
        }
        if here?.kind == .directory { return try self.replaceDirectory(item, in: directory, path) }
        var reasons: TreeChange.Reasons = []
        if let here {
            let metadata = self.metadata(of: item, here, in: directory)
            if !here.isSpecial(item.told, isKept: metadata.keepsDevices) {
                reasons = .kind
            } else {
                if !self.options.verifies { reasons = try directory.directory.reasons(item.name, here, metadata) }
                if here.modified != item.modified, !self.options.verifies { reasons.insert(.time) }
                if reasons.isEmpty { return .nothing }
            }
        }
        self.report(path, here == nil ? .new : .changed, reasons, item)
        guard !self.options.isDryRun else { return .nothing }
        try self.make(item, in: directory)
        return .nothing
    }

    /// Puts a symbolic link or a special file into its place.
    func make(_ item: TreeItem, in directory: TargetDirectory) throws(FerryError) {
        let metadata = self.metadata(of: item, nil, in: directory)
        try directory.willChange()
        if item.kind == .special {
            try directory.directory.makeSpecial(item.name, item.told, metadata, modified: item.modified)
        } else {
            try directory.directory.makeLink(
                item.name,
                text: item.target,
                modified: item.modified,
                owner: metadata.owner
            )
        }
    }
}
