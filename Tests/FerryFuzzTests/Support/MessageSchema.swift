import Foundation

/// The messages of `messages.proto`, as far as it takes to see which fields some bytes hold.
struct MessageSchema {
    private struct Field {
        let name: String
        let type: String
    }

    /// The fields of each message by their numbers.
    private var messages: [String: [UInt64: Field]] = [:]

    /// Reads the file that the messages are generated from.
    init() throws {
        var repository = URL(fileURLWithPath: #filePath)
        for _ in 0..<4 { repository.deleteLastPathComponent() }
        let file = repository.appendingPathComponent("Sources/FerryWire/Messages/messages.proto")
        var scopes: [(kind: String, name: String)] = []
        var words: [String] = []
        for token in Self.tokens(try String(contentsOf: file, encoding: .utf8)) {
            switch token {
            case "{":
                scopes.append((words.first ?? "", words.last ?? ""))
                if let scope = scopes.last, scope.kind == "message" { self.messages[scope.name] = [:] }
            case "}": scopes.removeLast()
            case ";":
                guard let message = scopes.last(where: { $0.kind != "oneof" }), message.kind == "message",
                    let equals = words.firstIndex(of: "="), equals >= 2, let number = UInt64(words[equals + 1])
                else { break }
                let field = Field(name: words[equals - 1], type: words[equals - 2])
                self.messages[message.name]?[number] = field
            default:
                words.append(token)
                continue
            }
            words = []
        }
    }

    private static func tokens(_ text: String) -> [String] {
        var tokens: [String] = []
        for line in text.split(separator: "\n") {
            var word = ""
            for character in (line.firstRange(of: "//").map { line[..<$0.lowerBound] } ?? line) + " " {
                if character.isLetter || character.isNumber || "_.\"".contains(character) {
                    word.append(character)
                    continue
                }
                if !word.isEmpty { tokens.append(word) }
                word = ""
                if !character.isWhitespace { tokens.append(String(character)) }
            }
        }
        return tokens
    }

    /// `MESSAGE.FIELD = NUMBER` for every field of every message.
    var fields: Set<String> {
        Set(self.messages.flatMap { name, fields in fields.map { self.text(name, $0.key, $0.value) } })
    }

    private func text(_ message: String, _ number: UInt64, _ field: Field) -> String {
        "\(message).\(field.name) = \(number)"
    }

    /// The fields that an encoded header holds, those of the messages in it included.
    func fields(in header: [UInt8]) -> Set<String> {
        var found: Set<String> = []
        self.walk(header[...], "Header", &found)
        return found
    }

    private func walk(_ bytes: ArraySlice<UInt8>, _ message: String, _ found: inout Set<String>) {
        var rest = bytes
        while let tag = Self.varint(&rest) {
            var content = rest.prefix(0)
            switch tag & 7 {
            case 0: _ = Self.varint(&rest)
            case 1: rest = rest.dropFirst(8)
            case 5: rest = rest.dropFirst(4)
            default:
                let length = Int(clamping: Self.varint(&rest) ?? 0)
                content = rest.prefix(length)
                rest = rest.dropFirst(length)
            }
            guard let field = self.messages[message]?[tag >> 3] else { continue }
            found.insert(self.text(message, tag >> 3, field))
            if self.messages[field.type] != nil { self.walk(content, field.type, &found) }
        }
    }

    private static func varint(_ bytes: inout ArraySlice<UInt8>) -> UInt64? {
        var value: UInt64 = 0
        var shift: UInt64 = 0
        while let byte = bytes.popFirst() {
            value |= UInt64(byte & 0x7F) << shift
            shift += 7
            if byte < 0x80 { return value }
        }
        return nil
    }
}
