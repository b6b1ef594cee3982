// swift-tools-version: 6.2
import PackageDescription

// The house of floors: a target imports only targets that stand above it in this file (Scripts/check proves it).
// One settings list for all of our own Swift, so that a rule holds everywhere or nowhere.
let house: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    .treatAllWarnings(as: .error),
]
// Floors that read bytes from outside state each unsafe operation where it stands.
let strict = house + [.strictMemorySafety()]

let nio = Target.Dependency.product(name: "NIOCore", package: "swift-nio")
let posix = Target.Dependency.product(name: "NIOPosix", package: "swift-nio")
let concurrency = Target.Dependency.product(name: "NIOConcurrencyHelpers", package: "swift-nio")
let ssl = Target.Dependency.product(name: "NIOSSL", package: "swift-nio-ssl")
let crypto = Target.Dependency.product(name: "Crypto", package: "swift-crypto")
let x509 = Target.Dependency.product(name: "X509", package: "swift-certificates")
let asn1 = Target.Dependency.product(name: "SwiftASN1", package: "swift-asn1")
let protobuf = Target.Dependency.product(name: "SwiftProtobuf", package: "swift-protobuf")
let grdb = Target.Dependency.product(name: "GRDB", package: "GRDB.swift")
let yams = Target.Dependency.product(name: "Yams", package: "Yams")
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
let lifecycle = Target.Dependency.product(name: "ServiceLifecycle", package: "swift-service-lifecycle")
let arguments = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")

let package = Package(
    name: "ferry",
    products: [
        .executable(name: "ferryd", targets: ["ferryd"]),
        .executable(name: "ferry", targets: ["ferry"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-nio", exact: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-ssl", exact: "2.37.6"),
        .package(url: "https://github.com/apple/swift-crypto", exact: "4.5.2"),
        .package(url: "https://github.com/apple/swift-certificates", exact: "1.21.1"),
        .package(url: "https://github.com/apple/swift-asn1", exact: "1.7.4"),
        .package(url: "https://github.com/apple/swift-protobuf", exact: "1.39.0"),
        .package(url: "https://github.com/groue/GRDB.swift", exact: "7.10.0"),
        .package(url: "https://github.com/jpsim/Yams", exact: "6.2.2"),
        .package(url: "https://github.com/apple/swift-log", exact: "1.16.2"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", exact: "2.13.0"),
        .package(url: "https://github.com/apple/swift-argument-parser", exact: "1.8.2"),
    ],
    targets: [
        // Floor 1: system libraries, syscall shims, and the one error shape.
        .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
        .systemLibrary(name: "CISAL", pkgConfig: "libisal", providers: [.apt(["libisal-dev"])]),
        .systemLibrary(name: "CDeflate", pkgConfig: "libdeflate", providers: [.apt(["libdeflate-dev"])]),
        .target(name: "CLinux"),
        .target(name: "CChunking"),
        .target(
            name: "CBuild",
            cSettings: [.define("FERRY_COMMIT", to: "\"\(Context.gitInformation?.currentCommit ?? "unknown")\"")]
        ),
        .target(name: "FerryErrors", swiftSettings: strict),
        // Floor 2: pure.
        .target(
            name: "FerryWire",
            dependencies: ["FerryErrors", nio, protobuf],
            exclude: ["Messages/messages.proto"],
            swiftSettings: house
        ),
        .target(
            name: "FerryChunking",
            dependencies: ["CISAL", "CDeflate", "CChunking", "FerryErrors", crypto],
            swiftSettings: strict
        ),
        .target(name: "FerryObjects", dependencies: ["FerryErrors", "FerryChunking"], swiftSettings: strict),
        // Floor 3.
        .target(
            name: "FerryProtocol",
            dependencies: ["FerryErrors", "FerryWire", "FerryChunking", nio],
            swiftSettings: strict
        ),
        .target(name: "FerryFiles", dependencies: ["CLinux", "FerryErrors", "FerryChunking"], swiftSettings: strict),
        // Floor 4.
        .target(
            name: "FerryStorage",
            dependencies: ["FerryErrors", "FerryChunking", "FerryFiles"],
            swiftSettings: strict
        ),
        .target(
            name: "FerryCatalog",
            dependencies: ["FerryErrors", "FerryChunking", "FerryObjects", grdb, crypto],
            swiftSettings: house
        ),
        // Floor 5.
        .target(
            name: "FerryRepository",
            dependencies: [
                "FerryErrors", "FerryChunking", "FerryObjects", "FerryFiles", "FerryStorage", "FerryCatalog",
            ],
            swiftSettings: strict
        ),
        .target(
            name: "FerryTransfer",
            dependencies: [
                "FerryErrors", "FerryWire", "FerryChunking", "FerryObjects", "FerryProtocol", "FerryFiles", nio,
            ],
            swiftSettings: strict
        ),
        .target(
            name: "FerryTransport",
            dependencies: [
                "FerryErrors", "FerryWire", "FerryProtocol", nio, posix, concurrency, ssl, crypto, x509, asn1, logging,
            ],
            swiftSettings: house
        ),
        // Floor 6.
        .target(
            name: "FerryServer",
            dependencies: [
                "CLinux", "FerryErrors", "FerryWire", "FerryChunking", "FerryProtocol", "FerryFiles", "FerryCatalog",
                "FerryObjects", "FerryRepository", "FerryTransfer",
                "FerryTransport", nio, posix, concurrency, ssl, crypto, yams, logging, lifecycle,
            ],
            swiftSettings: house
        ),
        .target(
            name: "FerryClient",
            dependencies: [
                "FerryErrors", "FerryWire", "FerryChunking", "FerryProtocol", "FerryFiles", "FerryObjects",
                "FerryTransfer",
                "FerryTransport", nio, posix, concurrency, ssl, logging,
            ],
            swiftSettings: house
        ),
        // Floor 7.
        .target(
            name: "FerryCommands",
            dependencies: [
                "CBuild", "CLinux", "FerryErrors", "FerryWire", "FerryChunking", "FerryFiles", "FerryCatalog",
                "FerryObjects", "FerryTransfer", "FerryServer",
                "FerryClient", "FerryTransport", nio, posix, concurrency, logging, arguments,
            ],
            swiftSettings: house
        ),
        .executableTarget(name: "ferryd", dependencies: ["FerryCommands"], swiftSettings: house),
        .executableTarget(name: "ferry", dependencies: ["FerryCommands"], swiftSettings: house),
        // Tests, and what they share.
        .target(
            name: "FerryTestKit",
            dependencies: ["CZlib", "CLinux"],
            path: "Tests/FerryTestKit",
            swiftSettings: house
        ),
        .testTarget(
            name: "FerryFuzzTests",
            dependencies: [
                "FerryTestKit", "FerryErrors", "FerryWire", "FerryChunking", "FerryProtocol", "FerryFiles",
                "FerryTransfer",
                "FerryTransport", "FerryServer", "FerryClient", "FerryCommands", nio,
            ],
            exclude: ["Corpus"],
            swiftSettings: house
        ),
        .testTarget(
            name: "FerryWireTests",
            dependencies: ["FerryTestKit", "FerryErrors", "FerryWire", nio],
            swiftSettings: house
        ),
        .testTarget(
            name: "FerryObjectsTests",
            dependencies: ["FerryTestKit", "FerryErrors", "FerryChunking", "FerryObjects"],
            swiftSettings: house
        ),
        .testTarget(
            name: "FerryChunkingTests",
            dependencies: ["FerryTestKit", "FerryErrors", "FerryChunking", crypto],
            exclude: ["Golden"],
            swiftSettings: house
        ),
        .testTarget(
            name: "FerryProtocolTests",
            dependencies: ["FerryTestKit", "FerryErrors", "FerryWire", "FerryChunking", "FerryProtocol", nio],
            swiftSettings: house
        ),
        .testTarget(
            name: "FerryFilesTests",
            dependencies: ["FerryTestKit", "FerryErrors", "FerryFiles", "CLinux"],
            swiftSettings: house
        ),
        .testTarget(
            name: "FerryCatalogTests",
            dependencies: ["FerryErrors", "FerryCatalog", crypto],
            swiftSettings: house
        ),
        .testTarget(
            name: "FerryStorageTests",
            dependencies: ["FerryTestKit", "FerryErrors", "FerryChunking", "FerryFiles", "FerryStorage"],
            swiftSettings: house
        ),
        .testTarget(
            name: "FerryRepositoryTests",
            dependencies: [
                "FerryTestKit", "FerryErrors", "FerryChunking", "FerryObjects", "FerryFiles", "FerryStorage",
                "FerryCatalog", "FerryRepository",
            ],
            swiftSettings: house
        ),
        .testTarget(
            name: "FerryTransportTests",
            dependencies: ["FerryErrors", "FerryTransport", nio, posix, ssl, x509, asn1, crypto],
            swiftSettings: house
        ),
        .testTarget(
            name: "FerryClientTests",
            dependencies: ["FerryErrors", "FerryFiles", "FerryTransport", "FerryClient"],
            swiftSettings: house
        ),
        .testTarget(
            name: "FerryTransferTests",
            dependencies: [
                "FerryTestKit", "FerryErrors", "FerryWire", "FerryChunking", "FerryObjects", "FerryFiles",
                "FerryProtocol",
                "FerryTransfer", nio,
            ],
            swiftSettings: house
        ),
        .testTarget(
            name: "FerryServerTests",
            dependencies: [
                "FerryTestKit",
                "FerryErrors", "FerryWire", "FerryChunking", "FerryCatalog", "FerryFiles", "FerryProtocol",
                "FerryTransfer", "FerryTransport", "FerryObjects", "FerryRepository",
                "FerryServer", "FerryClient", nio, posix, ssl, logging, concurrency, yams,
            ],
            swiftSettings: house
        ),
        .testTarget(
            name: "FerryCommandsTests",
            dependencies: [
                "FerryTestKit", "FerryErrors", "FerryFiles", "FerryWire", "FerryChunking", "FerryObjects",
                "FerryProtocol",
                "FerryTransport", "FerryClient",
                "FerryCatalog", "FerryServer", "FerryCommands", "ferry", "ferryd", nio, posix, ssl, protobuf,
                arguments,
            ],
            swiftSettings: house
        ),
    ]
)
