import FerryClient
import FerryCommands
import FerryErrors
import Testing

@Suite struct OperandTests {
    @Test func tellsStreamLocalAndRemoteApart() throws {
        #expect(try Operand("-") == .stream)
        #expect(try Operand("./-") == .local(LocalPath(Array("./-".utf8))))
        #expect(try Operand("a/b:c") == .local(LocalPath(Array("a/b:c".utf8))))
        #expect(try Operand("nas:inbox/x") == .remote(RemotePath("nas:inbox/x")))
        #expect { try Operand.remote("x") } throws: { ($0 as? FerryError)?.code == .usage }
    }

    @Test func bytesThatAreNotUTF8GoThrough() throws {
        let name: [UInt8] = [0x61, 0xFF, 0x62]
        #expect(try Operand(RawArguments.text(name)) == .local(LocalPath(name)))
        let path = Array("nas:inbox/d/".utf8) + name
        guard case .remote(let remote) = try Operand(RawArguments.text(path)) else {
            Issue.record("not remote")
            return
        }
        #expect(remote == (try RemotePath("nas:inbox/d").appending(name)))
        #expect("\(remote)" == "nas:inbox/d/a\\xFFb")
        #expect(Array(remote.wirePath) == Array("inbox/d/".utf8) + name)
        guard case .remote(let directory) = try Operand(RawArguments.text(path + [0x2F])) else {
            Issue.record("not remote")
            return
        }
        #expect(directory.isDirectory)
        for bad in ["nas:\u{FF}", "n\u{FF}s:inbox/x"] {
            let bytes = bad.unicodeScalars.map { UInt8(truncatingIfNeeded: $0.value) }
            #expect(throws: FerryError.self) { try Operand(RawArguments.text(bytes)) }
        }
        let astray = Array("nas:inbox/../".utf8) + name
        #expect { try Operand(RawArguments.text(astray)) } throws: { ($0 as? FerryError)?.code == .invalidPath }
    }

    @Test func sharesHaveNoSlashOnTheWire() throws {
        #expect(Array(try RemotePath("nas:inbox/").wirePath) == Array("inbox".utf8))
    }
}

@Suite struct LocalPathTests {
    @Test(arguments: [
        ("a", "a", "."), ("d/a", "a", "d"), ("/a", "a", "/"), ("/d/e/a", "a", "/d/e"), ("d/a/", "a", "d"),
        (".", nil, "."),
        ("..", nil, "."), ("d/..", nil, "d"), ("/", nil, "/"), ("d//a", "a", "d/"),
    ])
    func hasNameAndDirectory(_ text: String, _ name: String?, _ directory: String) {
        let path = LocalPath(Array(text.utf8))
        #expect(path.fileName == name.map { Array($0.utf8) })
        #expect("\(path.directory)" == directory)
        #expect(path.isDirectory == text.hasSuffix("/"))
    }

    @Test func appends() {
        #expect("\(LocalPath(Array("d".utf8)).appending(Array("a".utf8)))" == "d/a")
        #expect("\(LocalPath(Array("d/".utf8)).appending(Array("a".utf8)))" == "d/a")
        #expect("\(LocalPath(Array("/".utf8)).appending([0xFF]))" == "/\\xFF")
    }
}

@Suite struct SumLineTests {
    @Test func escapesAsTheGNUManualSays() {
        #expect(SumLine.bytes("00ff", Array("a b".utf8)) == Array("00ff  a b\n".utf8))
        #expect(SumLine.bytes("00ff", Array("a\\b\nc\rd".utf8)) == Array("\\00ff  a\\\\b\\nc\\rd\n".utf8))
        #expect(SumLine.bytes("00ff", [0xFF]) == Array("00ff  ".utf8) + [0xFF, 0x0A])
    }
}
