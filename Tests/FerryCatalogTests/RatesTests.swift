import FerryCatalog
import FerryErrors
import Testing

@Suite struct RatesTests {
    private let test: TestCatalog
    private let catalog: Catalog

    init() throws {
        self.test = try TestCatalog()
        self.catalog = try self.test.open()
        _ = try self.catalog.addUser(.alice)
        _ = try self.catalog.addUser(.bob)
    }

    @Test func aRateIsKeptForOneUser() throws {
        try self.catalog.setRate(64 << 10, of: .alice)
        #expect(try self.catalog.rate(of: .alice) == 64 << 10)
        #expect(try self.catalog.rate(of: .bob) == nil)
        try self.catalog.close()
        let again = try self.test.open()
        #expect(try again.users().map(\.rate) == [64 << 10, nil])
        try again.setRate(nil, of: .alice)
        #expect(try again.users().map(\.rate) == [nil, nil])
    }

    @Test(arguments: [0, -1, (64 << 10) - 1, (1 << 40) + 1])
    func whatIsOutOfRangeIsRefused(_ rate: Int) throws {
        #expect(code { try self.catalog.setRate(rate, of: .alice) } == .usage)
        #expect(try self.catalog.rate(of: .alice) == nil)
    }

    @Test func theEndsOfTheRangeAreIncluded() throws {
        for rate in [64 << 10, 1 << 40] {
            try self.catalog.setRate(rate, of: .alice)
            #expect(try self.catalog.rate(of: .alice) == rate)
        }
    }

    @Test func whoIsUnknownHasNone() throws {
        try self.catalog.removeUser(.bob)
        #expect(code { try self.catalog.setRate(1 << 20, of: .bob) } == .notFound)
        #expect(try self.catalog.rate(of: .bob) == nil)
    }
}
