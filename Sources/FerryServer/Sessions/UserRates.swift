package import FerryCatalog
package import FerryErrors
package import FerryTransport
import Synchronization

/// One limiter for each user who has logged in since the start: all of a user's connections share it.
package final class UserRates: Sendable {
    private let catalog: Catalog
    private let limiters = Mutex<[Name: RateLimiter]>([:])

    package init(catalog: Catalog) { self.catalog = catalog }

    /// The user's limiter, with the rate that the catalog has now; blocks.
    ///
    /// - Throws: what SQLite met.
    @discardableResult
    package func limiter(of user: Name) throws(FerryError) -> RateLimiter {
        // The rate is read under the lock: of two at once, who reads later sets later, and the newer rate stays.
        try self.limiters.withLock { limiters in
            Result { () throws(FerryError) in
                let rate = try self.catalog.rate(of: user)
                let limiter = limiters[user] ?? RateLimiter()
                limiter.setRate(rate)
                limiters[user] = limiter
                return limiter
            }
        }.get()
    }
}
