import FerryErrors
import FerryFiles
import FerryTransport

/// Where a login link comes from: a file, the terminal, or standard input.
enum LinkInput {
    /// Reads the link's text, a little more than a link may have at most.
    static func read(file: String?) throws -> String {
        let bytes: [UInt8]
        if let file {
            bytes = try Directories.readFile(file, limit: 2 * LoginLink.maximumLength)
        } else if Terminal.isInput {
            return try Terminal.readSecret("Login link (not shown): ", limit: LoginLink.maximumLength)
        } else {
            bytes = try self.standardInput()
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    private static func standardInput() throws -> [UInt8] {
        let source = try StreamSource.standardInput()
        // One byte past the limit, so that what is too long is refused for being so.
        var bytes = [UInt8](repeating: 0, count: LoginLink.maximumLength + 1)
        let count = try bytes.withUnsafeMutableBytes { try source.read(into: $0) }
        guard count > 0 else {
            throw FerryError(
                .usage,
                "standard input is empty; a login link was expected",
                remedy: "run `ferry login` on a terminal and paste the link, or use `< FILE`"
            )
        }
        return Array(bytes[..<count])
    }
}
