import FerryErrors
import FerryProtocol
import FerryWire
import NIOCore

/// Which files the names that come belong to: those that are needed are named one after another, in the order of the needs.
struct TreeNaming {
    enum Step {
        /// More of the file's names have come.
        case named(IncomingFile)
        /// The file has ended, for good unless it has a successor.
        case ended(IncomingFile, WireEndNote?)
    }

    /// Needed, and the content has not begun.
    private var expected = CircularBuffer<IncomingFile>()
    /// The file that is being named.
    private(set) var current: IncomingFile?

    /// Files that are needed and have not ended.
    var outstanding: Int { self.expected.count + (self.current == nil ? 0 : 1) }

    /// The same, weighed: attributes count too.
    private(set) var weight = 0

    mutating func expect(_ file: IncomingFile) {
        self.expected.append(file)
        self.weight += file.weight
    }

    /// Takes the next names of the tree's content, and ends of files between them.
    ///
    /// - Parameters:
    ///   - names: as they came.
    ///   - named: the same with their places in the content of the tree.
    /// - Returns: what happened to which file, in order.
    /// - Throws: `.violation` for ends and notes that fit nothing, and for content that is not needed.
    mutating func take(_ names: WireNames, _ named: [ReceiveMachine.Name]) throws(FerryError) -> [Step] {
        guard names.ends.count <= WireConstants.namesPerFrame, names.ends.allSatisfy({ $0 <= named.count }),
            zip(names.ends, names.ends.dropFirst()).allSatisfy({ $0 <= $1 })
        else { throw FerryError(.violation, "files end where there is nothing") }
        var notes = names.notes[...]
        var steps: [Step] = []
        var start = 0
        var average = names.average
        for (place, end) in names.ends.enumerated() {
            let file = try self.name(named[start..<Int(end)], average, &steps)
            (start, average) = (Int(end), 0)
            var note: WireEndNote?
            if let next = notes.first, next.end == place { note = notes.removeFirst() }
            file.hasEnded = true
            if note?.again != true { self.weight -= file.weight }
            self.current = note?.again == true ? try file.replace() : nil
            steps.append(.ended(file, note))
        }
        if start < named.count { _ = try self.name(named[start...], average, &steps) }
        guard notes.isEmpty else { throw FerryError(.violation, "a note tells of no file's end") }
        return steps
    }

    private mutating func name(
        _ names: ArraySlice<ReceiveMachine.Name>,
        _ average: UInt32,
        _ steps: inout [Step]
    ) throws(FerryError) -> IncomingFile {
        guard let file = self.current ?? self.expected.popFirst() else {
            throw FerryError(.violation, "content came that is not needed")
        }
        self.current = file
        guard !names.isEmpty else { return file }
        file.append(names, average: average)
        steps.append(.named(file))
        return file
    }
}
