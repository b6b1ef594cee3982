import FerryChunking
import FerryErrors
import FerryObjects
import FerryTestKit
import Foundation
import Testing

/// Every encoding, byte by byte: the samples of Docs/format.md were made by a program that was written from that page in another
/// language.
@Suite struct GoldenTests {
    /// The hexadecimal digits below each bold name of the page's last section.
    private static func samples() throws -> [String: String] {
        let page = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appending(path: "Docs/format.md")
        var (samples, name): ([String: String], String?) = ([:], nil)
        for line in try String(contentsOf: page, encoding: .utf8).split(separator: "\n") {
            if line.hasPrefix("**"), line.hasSuffix("**") { name = String(line.dropFirst(2).dropLast(2)) }
            if line.hasPrefix("    "), let name { samples[name, default: ""] += line.drop { $0 == " " } }
        }
        return samples
    }

    @Test(arguments: Sample.all) func itIsAsDocumented(_ sample: Sample) throws {
        let hex = sample.encoded.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
        let documented = try Self.samples()[sample.name]
        #expect(hex == documented)
    }
}
