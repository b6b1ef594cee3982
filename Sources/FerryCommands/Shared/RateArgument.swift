import FerryErrors
import FerryServer

/// Bytes per second on the command line: `500000`, `64KiB`, or `10M`, which is `10MiB`.
struct RateArgument: Equatable, Sendable {
    /// Nil for `none`.
    let bytes: Int?

    /// - Parameters:
    ///   - text: as the user wrote it.
    ///   - least: the lowest rate, in bytes per second.
    ///   - allowsNone: whether `none` may be said.
    /// - Throws: `.usage` for what is no such rate.
    init(_ text: String, least: Int, allowsNone: Bool = false) throws(FerryError) {
        if allowsNone, text == "none" {
            self.bytes = nil
            return
        }
        let isShort = text.last.map { "KMGT".contains($0) } ?? false
        guard let bytes = Quantities.size(isShort ? text + "iB" : text), (least...1 << 40).contains(bytes) else {
            throw FerryError(
                .usage,
                "'\(Escaping.escape(text))' is no rate",
                remedy: "write bytes per second as 500000, 512KiB or 10M, at least \(Quantities.text(size: least))"
                    + (allowsNone ? ", or none" : "")
            )
        }
        self.bytes = bytes
    }

    /// `10MiB/s`, or `-` for none.
    static func shown(_ rate: Int?) -> String { rate.map { "\(Quantities.text(size: $0))/s" } ?? "-" }
}
