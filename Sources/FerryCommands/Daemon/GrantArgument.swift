import FerryCatalog
import FerryErrors

/// `SHARE=read,write` on the command line.
struct GrantArgument: Equatable, Sendable {
    let share: Name
    /// Nil if only the share was named.
    let rights: Rights?

    /// Parses `SHARE` or `SHARE=RIGHTS`, where rights are `read`, `write` and `append`, separated by commas.
    ///
    /// - Throws: `.usage` saying which part is wrong.
    init(_ text: String) throws(FerryError) {
        guard let equals = text.firstIndex(of: "=") else {
            self.share = try Name(text)
            self.rights = nil
            return
        }
        self.share = try Name(String(text[..<equals]))
        var rights: Rights = []
        for word in text[text.index(after: equals)...].split(separator: ",", omittingEmptySubsequences: false) {
            switch word {
            case "read": rights.insert(.read)
            case "write": rights.insert(.write)
            case "append": rights.insert(.append)
            default:
                throw FerryError(
                    .usage,
                    "'\(Escaping.escape(String(word)))' is no right",
                    remedy: "use read and write, or for a repository append"
                )
            }
        }
        self.rights = rights
    }

    /// Parses `SHARE=RIGHTS`.
    ///
    /// - Throws: `.usage` also if the rights are missing.
    static func full(_ text: String) throws(FerryError) -> GrantRecord {
        let argument = try GrantArgument(text)
        guard let rights = argument.rights else {
            throw FerryError(
                .usage,
                "it names no rights",
                remedy: "write \(argument.share)=read, \(argument.share)=write or \(argument.share)=read,write"
            )
        }
        return GrantRecord(share: argument.share, rights: rights)
    }
}
