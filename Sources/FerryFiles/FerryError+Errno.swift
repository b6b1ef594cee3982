import FerryErrors
import Glibc

extension FerryError {
    /// The one place where a failed system call becomes an error for people: "cannot <action> <subject>: <reason>".
    init(
        _ errno: Errno,
        _ action: String,
        _ subject: String,
        file: StaticString = #fileID,
        line: UInt = #line
    ) {
        let (code, reason, remedy) = Self.meaning(of: errno.code)
        self.init(
            code,
            "cannot \(action) \(subject): \(reason)",
            remedy: remedy,
            cause: SystemError(number: errno.code),
            file: file,
            line: line
        )
    }

    private static func meaning(of number: Int32) -> (Code, reason: String, remedy: String?) {
        switch number {
        case ENOENT: (.notFound, "no such file or directory", nil)
        case EEXIST: (.exists, "it exists already", nil)
        case ENOTDIR: (.notADirectory, "not a directory", nil)
        case EISDIR: (.notAFile, "it is a directory", nil)
        case ENXIO, ENODEV: (.notAFile, "not a regular file", nil)
        case ENOTEMPTY: (.notEmpty, "the directory is not empty", nil)
        case EACCES, EPERM:
            (.permission, "permission denied", "check owner and mode of the file and of the directories above it")
        case EROFS: (.readOnly, "the file system is read-only", nil)
        case ENOSPC: (.noSpace, "no space left on the file system", "free some space and try again")
        case EDQUOT: (.noSpace, "the disk quota is used up", "free some space and try again")
        case EFBIG: (.tooLarge, "larger than the file system or the process's file size limit allows", nil)
        // openat2 answers EXDEV for a way out of the root, ELOOP for a magic link as well as for a loop.
        case EXDEV:
            (
                .denied, "it is an absolute link, or leads out of the served directory",
                "only relative links that stay inside are followed"
            )
        case ELOOP: (.denied, "it leads through a loop of symbolic links or through a link that is not allowed", nil)
        case ENAMETOOLONG: (.invalidPath, "the name is too long for the file system", nil)
        case EMFILE, ENFILE: (.busy, "too many open files", "raise the limit (LimitNOFILE= in the unit) or try later")
        case EBUSY, ETXTBSY, EAGAIN: (.busy, "it is in use", "try again")
        case ENOSYS, EOPNOTSUPP: (.unsupported, "the system does not support this", nil)
        default: (.inputOutput, SystemError(number: number).description, nil)
        }
    }
}
