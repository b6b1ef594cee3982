import FerryErrors
import FerryFiles
import Glibc
import Testing

@Suite struct FerryErrorErrnoTests {
    @Test(arguments: [
        (ENOENT, FerryError.Code.notFound), (EEXIST, .exists), (ENOTDIR, .notADirectory), (EISDIR, .notAFile),
        (ENXIO, .notAFile), (ENOTEMPTY, .notEmpty), (EACCES, .permission), (EPERM, .permission), (EROFS, .readOnly),
        (ENOSPC, .noSpace), (EDQUOT, .noSpace), (EFBIG, .tooLarge), (EXDEV, .denied), (ELOOP, .denied),
        (ENAMETOOLONG, .invalidPath), (EMFILE, .busy), (ENFILE, .busy), (EBUSY, .busy), (ENOSYS, .unsupported),
        (EIO, .inputOutput), (ESTALE, .inputOutput), (9999, .inputOutput),
    ])
    func becomesOneErrorForPeople(_ errno: Int32, _ code: FerryError.Code) throws {
        let scratch = try Scratch()
        // The first call opens the root.
        let script = CallScript { index, _ in index > 0 ? .fail(errno) : .proceed }
        let root = try scratch.root(calls: script.calls)
        let path = try RelativePath([UInt8(ascii: "d"), UInt8(ascii: "/"), 0x1B])
        let error = try #require(failure { _ = try root.info(path) })
        #expect(error.code == code)
        #expect(error.message.hasPrefix("cannot look up d/\\x1B: "))
        #expect(!error.message.hasSuffix("."))
        // A peer may see the message: it names nothing above the root.
        #expect(!error.message.contains(scratch.path))
        #expect(error.details.contains("errno \(errno)"))
    }
}
