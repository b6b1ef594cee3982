import FerryTestKit

extension SeededGenerator {
    /// Bytes that hold what transfers meet: noise, text, zeros, and repeats of what came before.
    mutating func file(_ count: Int) -> [UInt8] {
        var file: [UInt8] = []
        file.reserveCapacity(count)
        while file.count < count {
            let length = min(count - file.count, 1 << Int.random(in: 6...20, using: &self))
            switch Int.random(in: 0..<4, using: &self) {
            case 0: file += self.bytes(length)
            case 1: file += repeatElement(0, count: length)
            case 2:
                let line = Array("\(self.next() % 1000) lines of a log that says the same again and again\n".utf8)
                while line.count <= count - file.count, !self.oneIn(500) { file += line }
                file += line.prefix(count - file.count)
            default:
                guard !file.isEmpty else { continue }
                let start = Int.random(in: 0..<file.count, using: &self)
                file += file[start..<min(file.count, start + length)]
            }
        }
        return file
    }
}
