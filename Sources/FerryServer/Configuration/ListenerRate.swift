import FerryCatalog
import FerryErrors

/// `ADDRESS=RATE`: the bytes per second, each way, of one address that is listened on; 0 for no limit.
package struct ListenerRate: Hashable, Sendable {
    package let address: ListenAddress
    package let rate: Int

    /// The same that a user may be limited to.
    static let range = Catalog.rates

    /// - Throws: ``SettingFault`` saying what is wrong with it.
    init(_ text: String) throws(SettingFault) {
        guard let equals = text.lastIndex(of: "=") else {
            throw SettingFault("`=` is missing", remedy: "write ADDRESS=SIZE as in `192.0.2.7:7717=10MiB`")
        }
        self.address = try ListenAddress(String(text[..<equals]))
        self.rate = try Self.check(try Quantities.parseSize(String(text[text.index(after: equals)...])))
    }

    static func check(_ rate: Int) throws(SettingFault) -> Int {
        guard rate == 0 || Self.range.contains(rate) else {
            throw SettingFault(
                "\(Quantities.format(size: rate)) is out of range",
                remedy: "choose a rate within \(Quantities.format(size: Self.range.lowerBound))–1TiB, or 0 for no limit"
            )
        }
        return rate
    }
}

extension ListenerRate: CustomStringConvertible {
    package var description: String {
        "\(self.address)=\(self.rate == 0 ? "0" : Quantities.format(size: self.rate))"
    }
}

extension Settings.Limits {
    /// The limit of an address, in bytes per second, or nil.
    func rate(of address: ListenAddress) -> Int? {
        let rate = self.rates.first { $0.address == address }?.rate ?? self.rate
        return rate > 0 ? rate : nil
    }
}

extension Setting {
    static func rate(_ path: String, _ field: Field<Int>, _ summary: String) -> Setting {
        Setting(
            path: path,
            values: "size, \(Quantities.format(size: ListenerRate.range.lowerBound))–1TiB, or 0",
            summary: summary,
            isList: false,
            apply: { texts, settings throws(SettingFault) in
                settings[keyPath: field] = try ListenerRate.check(try Quantities.parseSize(texts[0]))
            },
            isNumber: false,
            show: { [Quantities.format(size: $0[keyPath: field])] }
        )
    }

    static func rates(_ path: String, _ field: Field<[ListenerRate]>, _ summary: String) -> Setting {
        Setting(
            path: path,
            values: "list of `ADDRESS=SIZE`",
            summary: summary,
            isList: true,
            apply: { texts, settings throws(SettingFault) in
                var rates: [ListenerRate] = []
                for rate in try self.elements(texts, ListenerRate.init) {
                    guard !rates.contains(where: { $0.address == rate.address }) else {
                        throw SettingFault("`\(rate.address)` is listed twice")
                    }
                    rates.append(rate)
                }
                settings[keyPath: field] = rates
            },
            isNumber: false,
            show: { $0[keyPath: field].map(\.description) }
        )
    }
}
