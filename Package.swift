// swift-tools-version: 6.2
import PackageDescription

let swift: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .treatAllWarnings(as: .error),
]

let package = Package(
    name: "strongroom",
    products: [
        .executable(name: "strongroom", targets: ["strongroom"]),
        .executable(name: "strongroom-inspector", targets: ["strongroom-inspector"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-asn1", from: "1.7.4"),
        .package(url: "https://github.com/apple/swift-certificates", from: "1.21.1"),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
        .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.6"),
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1"),
        .package(url: "https://github.com/hummingbird-project/swift-mustache", from: "2.1.1"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
        .package(url: "https://github.com/swift-server/async-http-client", from: "1.37.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
    ],
    targets: [
        // System libraries, and the few Linux calls that Swift's Glibc module does not import.
        .systemLibrary(name: "CSodium", pkgConfig: "libsodium", providers: [.apt(["libsodium-dev"])]),
        .systemLibrary(name: "CMagic", pkgConfig: "libmagic", providers: [.apt(["libmagic-dev"])]),
        .systemLibrary(name: "CQPDF", pkgConfig: "libqpdf", providers: [.apt(["libqpdf-dev"])]),
        .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
        .systemLibrary(name: "CQREncode", pkgConfig: "libqrencode", providers: [.apt(["libqrencode-dev"])]),
        .systemLibrary(name: "CSANE", pkgConfig: "sane-backends", providers: [.apt(["libsane-dev"])]),
        .systemLibrary(name: "CTIFF", pkgConfig: "libtiff-4", providers: [.apt(["libtiff-dev"])]),
        .target(name: "CLinux"),
        // Reads QR codes. ZXing-C++ has no interface for C; this is one function of it.
        .target(name: "CZXing", linkerSettings: [.linkedLibrary("ZXing")]),

        // Leaves: pure and synchronous.
        .target(
            name: "Sealing", dependencies: ["CSodium", .product(name: "Crypto", package: "swift-crypto")],
            swiftSettings: swift),
        .target(name: "Ledger", dependencies: ["Sealing"], swiftSettings: swift),
        .target(name: "Multipart", swiftSettings: swift),
        .target(
            name: "WebAuthn",
            dependencies: [
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "CryptoExtras", package: "swift-crypto"),
            ],
            swiftSettings: swift),

        // The domain's words and pure decisions.
        .target(
            name: "Records", dependencies: ["Sealing", "Ledger", .product(name: "Yams", package: "Yams")],
            swiftSettings: swift),

        // A place where a backup lies, and the folder that is one. It knows no vault.
        .target(name: "Storing", swiftSettings: swift),

        // What an agency takes away under a permission, and its check.
        .target(
            name: "Packing", dependencies: ["CZlib", "Ledger", "Records", "Sealing"],
            resources: [.embedInCode("check.py")], swiftSettings: swift),

        // Bytes to verdict; pure; runs inside strongroom-inspector.
        .target(name: "Inspection", dependencies: ["CMagic", "CQPDF", "CZXing", "CZlib"], swiftSettings: swift),
        .target(
            name: "Sandbox",
            dependencies: ["CLinux", "Inspection"],
            resources: [.embedInCode("word.py")], swiftSettings: swift),

        // HTML to PDF/A, in the sandbox.
        .target(
            name: "Papers", dependencies: ["CQREncode", "Records", "Sandbox", "Sealing"],
            resources: [.embedInCode("typeset.py")],
            swiftSettings: swift),

        // The only importer of GRDB.
        .target(
            name: "Custody",
            dependencies: [
                "CLinux", "Sealing", "Ledger", "WebAuthn", "Records", "Packing", "Inspection", "Sandbox", "Storing",
                .product(name: "GRDB", package: "GRDB.swift"),
            ],
            swiftSettings: swift),

        // Adapters.
        .target(
            name: "Scanning", dependencies: ["CLinux", "CSANE", "CTIFF", "Custody", "Records", "Sandbox", "Sealing"],
            swiftSettings: swift),
        .target(
            name: "Web",
            dependencies: [
                "Custody", "Papers", "Records", "Multipart",
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "HummingbirdTLS", package: "hummingbird"),
                .product(name: "HummingbirdHTTP2", package: "hummingbird"),
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "Mustache", package: "swift-mustache"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "SwiftASN1", package: "swift-asn1"),
                .product(name: "X509", package: "swift-certificates"),
            ],
            resources: [.embedInCode("Pages")],
            swiftSettings: swift),

        // The other end of the wire: what a scan station's computer runs. It knows no vault.
        .target(
            name: "Sending",
            dependencies: [
                "Records", "Sealing",
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
            ],
            swiftSettings: swift),

        // A place for backups that speaks S3. It knows no vault.
        .target(
            name: "S3",
            dependencies: [
                "Records", "Sealing", "Storing",
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
            ],
            swiftSettings: swift),

        .executableTarget(
            name: "strongroom",
            dependencies: [
                "CLinux", "Custody", "Packing", "Papers", "Records", "S3", "Scanning", "Sealing", "Sending", "Storing",
                "Web",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "UnixSignals", package: "swift-service-lifecycle"),
            ],
            swiftSettings: swift),
        .executableTarget(
            name: "strongroom-inspector", dependencies: ["CLinux", "Inspection", "Sandbox"], swiftSettings: swift),

        .testTarget(name: "SealingTests", dependencies: ["CZlib", "Sealing"], swiftSettings: swift),
        .testTarget(name: "LedgerTests", dependencies: ["Ledger", "Sealing"], swiftSettings: swift),
        .testTarget(name: "MultipartTests", dependencies: ["Multipart"], swiftSettings: swift),
        // An authenticator and its browser, for the tests alone.
        .target(
            name: "SoftwareAuthenticator",
            dependencies: [
                "WebAuthn", .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "CryptoExtras", package: "swift-crypto"),
            ],
            path: "Tests/SoftwareAuthenticator", swiftSettings: swift),
        .testTarget(
            name: "WebAuthnTests",
            dependencies: [
                "SoftwareAuthenticator", "WebAuthn", .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "CryptoExtras", package: "swift-crypto"),
            ],
            swiftSettings: swift),
        .testTarget(name: "RecordsTests", dependencies: ["Records", "Ledger", "Sealing"], swiftSettings: swift),
        .testTarget(
            name: "PackingTests", dependencies: ["Ledger", "Packing", "Records", "Sealing"], swiftSettings: swift),
        // A store that fails at places that a seed chooses, for the tests alone.
        .target(
            name: "FaultyStore", dependencies: ["Storing"], path: "Tests/FaultyStore", swiftSettings: swift),
        .testTarget(
            name: "StoringTests", dependencies: ["FaultyStore", "Records", "S3", "Sealing", "Storing"],
            swiftSettings: swift),
        .testTarget(name: "InspectionTests", dependencies: ["Inspection"], swiftSettings: swift),
        .testTarget(
            name: "SandboxTests", dependencies: ["Inspection", "Sandbox", "strongroom-inspector"], swiftSettings: swift),
        .testTarget(
            name: "ScanningTests",
            dependencies: [
                "CTIFF", "Custody", "Inspection", "Papers", "Records", "Sandbox", "Scanning", "Sealing",
                "strongroom-inspector",
            ],
            swiftSettings: swift),
        .testTarget(name: "PapersTests", dependencies: ["Papers", "Sandbox"], swiftSettings: swift),
        .testTarget(
            name: "CustodyTests",
            dependencies: [
                "Custody", "FaultyStore", "Records", "Ledger", "Sealing", "SoftwareAuthenticator", "Storing",
                "strongroom-inspector",
                .product(name: "GRDB", package: "GRDB.swift"),
            ],
            swiftSettings: swift),
        .testTarget(
            name: "WebTests",
            dependencies: [
                "Web", "Custody", "Records", "Sealing", "SoftwareAuthenticator", "strongroom-inspector",
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "HummingbirdTesting", package: "hummingbird"),
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
            ],
            swiftSettings: swift),
        .testTarget(name: "ArchitectureTests", swiftSettings: swift),
    ],
    cxxLanguageStandard: .cxx17
)

// What only scripts/fuzz builds.
if Context.environment["STRONGROOM_FUZZING"] != nil {
    package.products.append(.executable(name: "fuzzing", targets: ["fuzzing"]))
    package.targets.append(
        .executableTarget(
            name: "fuzzing", dependencies: ["Inspection", "Ledger", "Multipart", "Sealing"], path: "Tests/fuzzing",
            exclude: ["corpus"], swiftSettings: swift))
}

// What only scripts/bench and scripts/make-vault build.
if Context.environment["STRONGROOM_BENCHMARKS"] != nil {
    package.targets += [
        .target(
            name: "LargeVault", dependencies: ["Custody", "Records", "Sealing"], path: "Benchmarks/LargeVault",
            swiftSettings: swift),
        .executableTarget(
            name: "make-vault",
            dependencies: ["LargeVault", .product(name: "ArgumentParser", package: "swift-argument-parser")],
            path: "Benchmarks/MakeVault", swiftSettings: swift),
        .executableTarget(
            name: "bench-sealing", dependencies: ["CSodium", "Sealing"], path: "Benchmarks/Sealing",
            swiftSettings: swift),
        .executableTarget(
            name: "bench-sheets", dependencies: ["Inspection"], path: "Benchmarks/Sheets", swiftSettings: swift),
        .executableTarget(
            name: "bench-pack", dependencies: ["Ledger", "Packing", "Records", "Sealing"], path: "Benchmarks/Packing",
            swiftSettings: swift),
        .executableTarget(
            name: "bench-chronology",
            dependencies: [
                "CSodium", "Custody", "LargeVault", "Records", "Web", .product(name: "GRDB", package: "GRDB.swift"),
            ],
            path: "Benchmarks/Chronology", swiftSettings: swift),
    ]
}
