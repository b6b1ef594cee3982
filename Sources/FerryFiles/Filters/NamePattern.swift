/// What one name must look like; the common forms are compared without a loop over elements.
enum NamePattern: Sendable {
    case exactly([UInt8])
    /// `*`
    case anything
    /// `*.o`
    case ending([UInt8])
    /// `core.*`
    case beginning([UInt8])
    case glob(Glob)

    /// - Parameters:
    ///   - elements: without two stars in a row.
    ///   - sets: which the elements refer to.
    init(_ elements: [Glob.Element], sets: [ByteSet]) {
        if elements == [.star] {
            self = .anything
        } else if let bytes = Self.bytes(elements[...]) {
            self = .exactly(bytes)
        } else if elements.first == .star, let bytes = Self.bytes(elements.dropFirst()) {
            self = .ending(bytes)
        } else if elements.last == .star, let bytes = Self.bytes(elements.dropLast()) {
            self = .beginning(bytes)
        } else {
            self = .glob(Glob(elements, sets: sets))
        }
    }

    func matches(_ name: [UInt8]) -> Bool {
        switch self {
        case .exactly(let bytes): name == bytes
        case .anything: true
        case .ending(let bytes): name.suffix(bytes.count).elementsEqual(bytes)
        case .beginning(let bytes): name.starts(with: bytes)
        case .glob(let glob): glob.matches(name)
        }
    }

    /// Whether some name of a file could match: none is empty, "." or "..".
    var canMatch: Bool {
        guard case .exactly(let bytes) = self else { return true }
        return !bytes.isEmpty && bytes != Array(".".utf8) && bytes != Array("..".utf8)
    }

    /// Nil if there is more than bytes.
    private static func bytes(_ elements: ArraySlice<Glob.Element>) -> [UInt8]? {
        var bytes: [UInt8] = []
        for element in elements {
            guard case .byte(let byte) = element else { return nil }
            bytes.append(byte)
        }
        return bytes
    }
}
