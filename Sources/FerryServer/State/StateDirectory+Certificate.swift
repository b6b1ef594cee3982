package import FerryErrors
import FerryFiles
package import FerryTransport

extension StateDirectory {
    /// The daemon's own certificate; the first call makes it.
    ///
    /// - Returns: What lies in `tls/`, self-signed unless the administrator put another pair there.
    /// - Throws: `.permission` if others may read the key, `.configuration` if the pair is damaged or incomplete, else
    ///   what the file system says.
    package func certificate() throws(FerryError) -> ServerCertificate {
        let key = try Self.read(self.paths.key)
        let certificate = try Self.read(self.paths.certificate)
        switch (key, certificate) {
        case (let key?, let certificate?):
            return try ServerCertificate(certificatePEM: certificate, privateKeyPEM: key)
        case (nil, nil): break
        // A certificate is written only after its key, so that a crash in between leaves a key that nobody pinned.
        case (_?, nil): break
        case (nil, _?):
            throw FerryError(
                .configuration,
                "\(Escaping.escape(self.paths.certificate)) has no key beside it",
                remedy:
                    "restore key.pem from a backup; without it, remove cert.pem for a new pair: clients log in again"
            )
        }
        let made = try ServerCertificate.makeSelfSigned()
        try Directories.makePrivate(self.paths.tls)
        try PrivateFile.write(self.paths.key, made.privateKeyPEM)
        try PrivateFile.write(self.paths.certificate, made.certificatePEM)
        return made
    }

    /// The certificate that the daemon shows: the configured one, else the one in the directory.
    ///
    /// - Parameter configured: What the configuration says.
    /// - Returns: The certificate and its key.
    /// - Throws: As ``certificate()``, and `.notFound` for configured files that are missing.
    package func certificate(configured: Settings.TLS) throws(FerryError) -> ServerCertificate {
        if let certificate = try configured.load() { return certificate }
        return try self.certificate()
    }

    private static func read(_ path: String) throws(FerryError) -> [UInt8]? {
        do { return try PrivateFile.read(path, limit: ServerCertificate.maximumLength) } catch {
            guard error.code == .notFound else { throw error }
            return nil
        }
    }
}

extension Settings.TLS {
    /// Reads the certificate that the configuration names.
    ///
    /// - Returns: It and its key; nil if none is named.
    /// - Throws: `.notFound`, `.permission`, `.configuration` and what else keeps it from being used, naming the settings.
    package func load() throws(FerryError) -> ServerCertificate? {
        guard let path = self.certificate, let key = self.key else { return nil }
        do throws(FerryError) {
            return try ServerCertificate(
                certificatePEM: Directories.readFile(path, limit: ServerCertificate.maximumLength),
                privateKeyPEM: PrivateFile.read(key, limit: ServerCertificate.maximumLength)
            )
        } catch {
            throw FerryError(
                error.code,
                "`tls.certificate` and `tls.key`: \(error.message)",
                remedy: error.remedy,
                cause: error
            )
        }
    }
}
