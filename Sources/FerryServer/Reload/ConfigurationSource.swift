/// Where a running daemon reads its configuration again, as it did at the start.
package struct ConfigurationSource: Sendable {
    let read: @Sendable () throws -> Settings
    let style: LogStyle

    /// - Parameters:
    ///   - read: reads and checks all of it; blocks. Throws a `FerryError` naming file, line and reason.
    ///   - style: of the log, which the settings decide too.
    package init(read: @escaping @Sendable () throws -> Settings, style: LogStyle) {
        self.read = read
        self.style = style
    }
}
