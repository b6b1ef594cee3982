import NIOCore

/// What waits for the peer's decision, in order, where some may be decided while others in front of them are not.
///
/// It is kept in two parts, so that the ends of either can be taken without moving the rest.
package struct UndecidedQueue<Element> {
    /// What was once left undecided in front of something that was not.
    private var front = CircularBuffer<Element>()
    private var rest = CircularBuffer<Element>()

    package init() {}

    package var count: Int { self.front.count + self.rest.count }
    /// Whether there is something that was not left undecided yet while what is behind it was decided.
    package var hasMore: Bool { !self.rest.isEmpty }
    package var isEmpty: Bool { self.front.isEmpty && self.rest.isEmpty }

    package mutating func append(contentsOf elements: some Collection<Element>) {
        self.rest.append(contentsOf: elements)
    }

    /// Takes `count` elements out from behind the first `after`; the caller has checked that there are so many.
    package mutating func remove(_ count: Int, after: Int) -> [Element] {
        var taken: [Element] = []
        taken.reserveCapacity(count)
        if after == 0 {
            while taken.count < count, let element = self.front.popFirst() { taken.append(element) }
        } else {
            while self.front.count < after, let element = self.rest.popFirst() { self.front.append(element) }
            // Nobody who decides ahead once goes back to between what was left.
            while self.front.count > after, let element = self.front.popLast() { self.rest.prepend(element) }
        }
        while taken.count < count, let element = self.rest.popFirst() { taken.append(element) }
        return taken
    }
}
