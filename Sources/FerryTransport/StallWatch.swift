package import NIOCore

/// Tells for how long a peer has taken nothing of what is queued for it.
package struct StallWatch {
    /// What is queued, as it looks at one moment. Looks may be far apart, and a queue that is filled as fast as it drains
    /// measures the same at each: that bytes were taken shows in the other two.
    package struct Queue: Equatable {
        /// Bytes of frames that the kernel has not taken.
        let bytes: Int
        /// Bytes of frames that the kernel has taken so far.
        let taken: UInt64
        /// Bytes that the channel holds, encrypted ones included: it changes with each part of a frame that is taken.
        let unwritten: Int

        package init(bytes: Int, taken: UInt64, unwritten: Int) {
            self.bytes = bytes
            self.taken = taken
            self.unwritten = unwritten
        }
    }

    private var last = Queue(bytes: 0, taken: 0, unwritten: 0)
    private var lastMove: NIODeadline

    package init(now: NIODeadline) { self.lastMove = now }

    /// - Returns: the time since something was last seen to move, or the queue to be empty.
    package mutating func look(at queue: Queue, now: NIODeadline) -> TimeAmount {
        if queue.bytes == 0 || queue != self.last { self.lastMove = now }
        self.last = queue
        return now - self.lastMove
    }

    /// Begins anew, as if something had moved now.
    package mutating func restart(now: NIODeadline) { self.lastMove = now }
}
