import FerryClient
import FerryErrors

/// Where a directory goes. The target names the tree itself, whether it exists or not, so that the same command does the
/// same the second time; one that ends with a slash takes directories and files into it by their names.
enum TreePlan {
    /// Whether sources go into the target by their names.
    ///
    /// - Parameters:
    ///   - count: of sources.
    ///   - isDirectory: whether the target ends with a slash.
    ///   - target: for messages.
    /// - Returns: false where the one source becomes the target.
    /// - Throws: `.usage` for several sources that would become one.
    static func goesInside(_ count: Int, isDirectory: Bool, target: String) throws(FerryError) -> Bool {
        guard count > 1, !isDirectory else { return isDirectory }
        throw FerryError(
            .usage,
            "several sources need a directory to go into",
            remedy: "end it with a slash: `\(target)/`"
        )
    }
}
