/// What has a socket's kernel drop every packet that arrives for it (SO_ATTACH_FILTER, socket(7)). The other end sees a
/// link that is dead without a word: neither FIN nor RST, and no acknowledgement.
package struct DropFilter: @unchecked Sendable {
    /// SO_ATTACH_FILTER, of the level SOL_SOCKET.
    package static let option: Int32 = 26

    // struct sock_fprog.
    private let length: UInt16 = 1
    private let filter: UnsafePointer<UInt64>

    package init() {
        let filter = UnsafeMutablePointer<UInt64>.allocate(capacity: 1)
        // One struct sock_filter of linux/filter.h: BPF_RET | BPF_K, nothing of the packet.
        filter.pointee = 0x06
        // Never freed: it must outlive the call, and tests end soon.
        self.filter = UnsafePointer(filter)
    }
}
