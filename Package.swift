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

func program(_ name: String, _ dependencies: [Target.Dependency], linker: [LinkerSetting] = []) -> Target {
    .executableTarget(name: name, dependencies: dependencies, swiftSettings: settings, linkerSettings: linker)
}

/// Before the system's libraries come the archives of them that tools/archives.sh puts there, where it was run: what is
/// linked with those runs on machines that have nothing but glibc. Swift's own linker, for gold has the program ask for
/// functions of newer versions of glibc that it does not use.
let selfContained: [LinkerSetting] = [
    .unsafeFlags(
        ["-L\(Context.packageDirectory)/.build/archives", "-use-ld=lld", "-Xlinker", "-s"],
        .when(configuration: .release))
]

func tests(of name: String, _ dependencies: [Target.Dependency] = []) -> Target {
    .testTarget(
        name: name + "Tests", dependencies: [.byName(name: name)] + dependencies, swiftSettings: settings)
}

/// What throws bytes at every decoder, where tools/fuzz.sh asks for it: everything below it is built with libFuzzer's
/// marks then, and apart from the rest.
let fuzzing: [Target] =
    Context.environment["DAFT_FUZZ"] == nil
    ? []
    : [
        .executableTarget(
            name: "Fuzz",
            dependencies: ["DaftCore", "DaftSQL", "DaftLink", "DaftCatalogue", "DaftLaunch", "DaftZMQ", "CZstd"],
            path: "Tests/Fuzz", exclude: ["corpus"], swiftSettings: settings)
    ]

let package = Package(
    name: "daft",
    products: [
        .executable(name: "daft-run", targets: ["daft-run"]),
        .executable(name: "daft", targets: ["daft"]),
        .executable(name: "daft-solo", targets: ["daft-solo"]),
    ],
    targets: [
        // Only Open MPI is not where compilers look; what pkg-config says of the others is no more than these places,
        // and would put them before the archives.
        .systemLibrary(name: "CSQLite", providers: [.apt(["libsqlite3-dev"])]),
        .systemLibrary(name: "COpenSSL", providers: [.apt(["libssl-dev"])]),
        .systemLibrary(name: "CZstd", providers: [.apt(["libzstd-dev"])]),
        .systemLibrary(name: "CZMQ", providers: [.apt(["libzmq3-dev"])]),
        .systemLibrary(name: "CMPI", pkgConfig: "ompi-c", providers: [.apt(["libopenmpi-dev"])]),
        .systemLibrary(name: "CEdit", providers: [.apt(["libedit-dev"])]),
        .target(name: "CLinux"),
        .target(name: "CDigest"),

        module("DaftCore", []),
        module("DaftSQL", ["CSQLite"]),
        module("DaftLink", ["DaftCore", "CLinux", "CZstd"]),
        module("DaftTrust", ["DaftCore", "CLinux"]),
        module("DaftStore", ["DaftCore", "DaftSQL", "DaftTrust", "COpenSSL", "CLinux", "CDigest"]),
        module("DaftCatalogue", ["DaftCore", "DaftSQL"]),
        module("DaftMPI", ["CMPI", "CLinux", "DaftCore", "DaftLink"]),
        module("DaftZMQ", ["CZMQ", "DaftCore", "DaftLink", "DaftTrust"]),
        module("DaftEngine", ["DaftCore", "DaftLink", "DaftTrust", "DaftStore", "DaftCatalogue"]),
        module("DaftLaunch", ["COpenSSL", "CLinux", "DaftCore", "DaftLink", "DaftTrust"]),
        module("DaftShell", ["CEdit", "DaftCore", "DaftLink", "DaftTrust", "DaftEngine"]),
        module("DaftDoor", ["DaftCore", "DaftLink", "DaftEngine", "DaftShell", "DaftZMQ"]),
        program("daft-solo", ["DaftCore", "DaftEngine", "DaftShell"]),
        program("daft-run", ["DaftCore", "DaftDoor", "DaftEngine", "DaftLink", "DaftMPI", "DaftShell", "DaftZMQ"]),
        program(
            "daft",
            ["DaftCore", "DaftDoor", "DaftEngine", "DaftLaunch", "DaftLink", "DaftShell", "DaftZMQ"],
            linker: selfContained),
        program("daft-bench", ["DaftCore", "DaftLink", "DaftStore", "DaftCatalogue", "DaftEngine"]),

        tests(of: "DaftCore"),
        tests(of: "DaftSQL"),
        tests(of: "DaftTrust", ["DaftCore"]),
        tests(of: "DaftLink", ["DaftCore", "CZstd"]),
        tests(of: "DaftCatalogue", ["DaftCore", "DaftSQL"]),
        tests(of: "DaftMPI"),
        tests(of: "DaftZMQ", ["DaftCore", "DaftLink", "CZMQ", "ZMQFaults"]),
        .target(name: "ZMQFaults", dependencies: ["CZMQ"], path: "Tests/ZMQFaults"),
        tests(of: "DaftEngine", ["DaftCore", "DaftLink", "DaftStore", "DaftCatalogue"]),
        tests(of: "DaftLaunch", ["DaftCore"]),
        tests(of: "DaftShell", ["DaftCore", "DaftEngine"]),
        .executableTarget(
            name: "mpi-contract", dependencies: ["DaftLink", "DaftMPI", "DaftCore", "MPIFaults"],
            path: "Tests/mpi-contract",
            swiftSettings: settings),
        .target(name: "MPIFaults", dependencies: ["CMPI"], path: "Tests/MPIFaults"),
        .testTarget(
            name: "ClusterTests", dependencies: ["daft-run", "mpi-contract", "TestPrograms"], swiftSettings: settings),
        .testTarget(name: "SoloTests", dependencies: ["daft-solo", "TestPrograms"], swiftSettings: settings),
        .testTarget(name: "ServeTests", dependencies: ["daft-run", "daft", "TestPrograms"], swiftSettings: settings),
        .testTarget(name: "StartTests", dependencies: ["daft", "TestPrograms"], swiftSettings: settings),
        .testTarget(
            name: "WorkstationTests", dependencies: ["daft", "CZMQ", "TestBox", "TestPrograms"], swiftSettings: settings
        ),
        .testTarget(
            name: "SchedulerTests", dependencies: ["daft-run", "daft", "TestBox", "TestPrograms"],
            swiftSettings: settings),
        .testTarget(
            name: "HelpTests", dependencies: ["daft-run", "daft", "daft-solo", "TestPrograms", "DaftCore"],
            swiftSettings: settings),
        .testTarget(
            name: "ReadmeTests",
            dependencies: ["daft-run", "daft", "daft-solo", "TestBox", "TestPrograms", "DaftCore"],
            swiftSettings: settings),
        .testTarget(
            name: "PromiseTests",
            dependencies: [
                "daft-run", "daft", "daft-solo", "TestBox", "TestPrograms", "TestDisk", "DaftCore", "DaftLink",
                "DaftStore",
                "DaftCatalogue", "DaftEngine",
            ], exclude: ["faults"], swiftSettings: settings),
        .target(
            name: "TestBox", dependencies: ["TestPrograms"], path: "Tests/TestBox", swiftSettings: settings),
        .target(name: "TestPrograms", path: "Tests/TestPrograms", swiftSettings: settings),
        .testTarget(
            name: "SystemLibraryTests", dependencies: ["CSQLite", "COpenSSL", "CZstd", "CZMQ", "CMPI"],
            swiftSettings: settings),
        .testTarget(name: "TidyTests", swiftSettings: settings),
        tests(of: "DaftStore", ["DaftCore", "DaftSQL", "TestDisk"]),
        .target(
            name: "TestDisk", dependencies: ["DaftCore", "DaftStore"], path: "Tests/TestDisk", swiftSettings: settings),
        .testTarget(
            name: "SimulationTests",
            dependencies: ["TestDisk", "DaftCore", "DaftLink", "DaftStore", "DaftCatalogue", "DaftEngine"],
            swiftSettings: settings),
    ] + fuzzing
)
