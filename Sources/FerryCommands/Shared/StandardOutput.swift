import FerryErrors
import FerryFiles

/// Standard output, for whole lines and what a listing is.
enum StandardOutput {
    /// The descriptor is the process's own: it is never closed, as a static value is never deinitialised.
    private static let sink = StreamSink(Descriptor(adopting: 1), name: "standard output")

    /// Writes `bytes`.
    ///
    /// - Throws: What standard output says: what nobody got must not look like success.
    static func write(_ bytes: some Collection<UInt8>) throws(FerryError) {
        let bytes = Array(bytes)
        var result = Result<Void, FerryError>.success(())
        bytes.withUnsafeBytes { buffer in
            result = Result { () throws(FerryError) in try self.sink.write(buffer) }
        }
        try result.get()
    }

    /// Writes `line` and its end in one piece.
    static func write(line: String) throws(FerryError) { try self.write((line + "\n").utf8) }
}
