package import FerryErrors
import Glibc

extension RootDirectory {
    /// As many links as the kernel follows in one path.
    private static let maximumLinks = 40

    /// Where a link at `path` leads in the end, so that what is written there replaces the link's target and not the link.
    ///
    /// A hint, like every look at a path before it is used: whoever uses the result is held beneath the root all the same.
    /// - Returns: `path` itself unless a link lies there; else a path without links, whose last component need not exist.
    /// - Throws: `denied` for a link that leads out, is absolute or goes round; `invalidPath`, `notFound` and other mapped
    ///   errors.
    package func followingLink(_ path: RelativePath) throws(FerryError) -> RelativePath {
        do throws(FerryError) {
            guard try self.info(path, followSymlinks: false).kind == .symlink else { return path }
        } catch  where error.code == .notFound {
            return path
        }
        var rest = Array(path.components.reversed())
        var done = RelativePath.root
        var links = 0
        while let component = rest.popLast() {
            if component.isEmpty || component == [UInt8(ascii: ".")] { continue }
            if component == Array("..".utf8) {
                guard let parent = done.parent else { throw Self.refusal(path, EXDEV) }
                done = parent
                continue
            }
            let next = try done.appending(component)
            guard let text = try self.linkText(next) else {
                done = next
                continue
            }
            links += 1
            guard links <= Self.maximumLinks else { throw Self.refusal(path, ELOOP) }
            guard text.first != UInt8(ascii: "/") else { throw Self.refusal(path, EXDEV) }
            rest += text.split(separator: UInt8(ascii: "/")).reversed().map(Array.init)
        }
        guard !done.isRoot else { throw Self.refusal(path, EISDIR) }
        return done
    }

    /// What a link says; nil for what is no link, or not there.
    private func linkText(_ path: RelativePath) throws(FerryError) -> [UInt8]? {
        let (parent, name) = try self.split(path)
        do throws(Errno) {
            let directory = try self.openDirectory(parent)
            return try self.calls.readlinkat(directory.raw, name)
        } catch {
            switch error.code {
            case EINVAL: return nil
            case ENOENT: return nil
            default: throw FerryError(error, "look up", path.description)
            }
        }
    }

    private static func refusal(_ path: RelativePath, _ code: Int32) -> FerryError {
        FerryError(Errno(code), "write", path.description)
    }
}
