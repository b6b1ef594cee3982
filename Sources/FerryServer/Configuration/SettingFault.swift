/// What is wrong with one value; the loader adds which setting it is and where it stands.
struct SettingFault: Error {
    let reason: String
    let remedy: String?

    init(_ reason: String, remedy: String? = nil) {
        self.reason = reason
        self.remedy = remedy
    }
}
