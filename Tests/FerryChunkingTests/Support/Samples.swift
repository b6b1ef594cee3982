import Crypto
import FerryTestKit

/// Data of the kinds that users have.
enum Samples {
    static func random(_ count: Int, _ generator: inout SeededGenerator) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(count + 8)
        while bytes.count < count {
            let word = generator.next()
            for shift in stride(from: UInt64(0), to: 64, by: 8) {
                bytes.append(UInt8(truncatingIfNeeded: word >> shift))
            }
        }
        return Array(bytes.prefix(count))
    }

    static func logs(_ count: Int, _ generator: inout SeededGenerator) -> [UInt8] {
        var bytes: [UInt8] = []
        var second = 0
        while bytes.count < count {
            second += Int.random(in: 0...3, using: &generator)
            let item = Int.random(in: 0..<5000, using: &generator)
            let line =
                "2026-11-25 08:\(second / 60 % 60):\(second % 60) host app[\(item % 7)]: request /item/\(item) took "
            bytes += Array("\(line)\(Int.random(in: 1..<900, using: &generator)) ms\n".utf8)
        }
        return Array(bytes.prefix(count))
    }

    static func base64(_ count: Int, _ generator: inout SeededGenerator) -> [UInt8] {
        let digits = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
        return Self.random(count, &generator).map { digits[Int($0 & 63)] }
    }

    /// Fixed-length records of little-endian integers, as in a database or an executable's tables.
    static func records(_ count: Int, _ generator: inout SeededGenerator) -> [UInt8] {
        var bytes: [UInt8] = []
        var key: UInt32 = 0
        while bytes.count < count {
            key &+= UInt32.random(in: 1...9, using: &generator)
            let fields = [
                key, UInt32.random(in: 0...3, using: &generator), 0,
                UInt32.random(in: .min ... .max, using: &generator),
            ]
            for field in fields { withUnsafeBytes(of: field.littleEndian) { bytes.append(contentsOf: $0) } }
        }
        return Array(bytes.prefix(count))
    }

    /// The bytes SHA-256(label ‖ 0), SHA-256(label ‖ 1), … with 64-bit big-endian counters, as in the golden files.
    static func stream(_ label: String, _ count: Int) -> [UInt8] {
        var bytes: [UInt8] = []
        var counter: UInt64 = 0
        while bytes.count < count {
            var hash = SHA256()
            hash.update(data: Array(label.utf8))
            withUnsafeBytes(of: counter.bigEndian) { hash.update(bufferPointer: $0) }
            bytes.append(contentsOf: hash.finalize())
            counter += 1
        }
        return Array(bytes.prefix(count))
    }
}
