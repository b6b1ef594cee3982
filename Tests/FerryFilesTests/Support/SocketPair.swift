import Glibc
import Testing

/// Two connected descriptors. Sockets, because they alone can be made closed on exec in one step: a child process that
/// another test starts meanwhile would keep the end of a pipe open.
func makeSocketPair(flags: __socket_type...) throws -> (Int32, Int32) {
    var ends: [Int32] = [0, 0]
    let type = flags.reduce(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue) { $0 | $1.rawValue }
    let result = socketpair(AF_UNIX, Int32(type), 0, &ends)
    try #require(result == 0)
    return (ends[0], ends[1])
}
