// swift-tools-version: 6.2
// The targets of daft and who may use whom; docs/architecture.md draws the same as a picture, and the
// tidy test holds every import against it.
import PackageDescription

let settings: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
]

func module(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .target(name: name, dependencies: dependencies, swiftSettings: settings)
}

func tests(of name: String, _ dependencies: [Target.Dependency] = []) -> Target {
    .testTarget(
        name: name + "Tests", dependencies: [.byName(name: name)] + dependencies, swiftSettings: settings)
}

let package = Package(
    name: "daft",
    targets: [
        .systemLibrary(name: "CSQLite", pkgConfig: "sqlite3", providers: [.apt(["libsqlite3-dev"])]),
        .systemLibrary(name: "COpenSSL", pkgConfig: "libcrypto", providers: [.apt(["libssl-dev"])]),
        .target(name: "CLinux"),

        module("DaftCore", []),
        module("DaftSQL", ["CSQLite"]),
        module("DaftStore", ["DaftCore", "DaftSQL", "COpenSSL", "CLinux"]),

        tests(of: "DaftCore"),
        tests(of: "DaftSQL"),
        tests(of: "DaftStore", ["DaftCore"]),
    ]
)
