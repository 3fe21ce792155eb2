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

/// Values and decisions without I/O, which nearly all others use.
let words: [Target.Dependency] = ["DaftModel", "DaftWire", "DaftPlan"]

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
            dependencies: [
                "DaftModel", "DaftWire", "DaftPlan", "DaftCommand", "DaftSQL", "DaftLink", "DaftCatalogue",
                "DaftLaunch", "DaftZMQ", "CZstd",
            ],
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
        .target(name: "CPeerLoss"),
        .target(name: "CDigest"),

        module("DaftModel", []),
        module("DaftWire", ["DaftModel"]),
        module("DaftPlan", ["DaftModel", "DaftWire"]),
        module("DaftCommand", ["DaftModel", "DaftWire", "DaftPlan"]),
        module("DaftSQL", ["CSQLite"]),
        module("DaftLink", ["DaftModel", "DaftWire", "CLinux", "CZstd"]),
        module("DaftTrust", ["DaftModel", "DaftPlan", "CLinux"]),
        module(
            "DaftStore",
            [
                "DaftModel", "DaftWire", "DaftPlan", "DaftSQL", "DaftTrust", "COpenSSL", "CLinux",
                "CDigest",
            ]),
        module("DaftCatalogue", ["DaftModel", "DaftSQL"]),
        module("DaftMPI", ["CMPI", "CLinux", "CPeerLoss", "DaftModel", "DaftWire", "DaftPlan", "DaftLink"]),
        module("DaftZMQ", ["CZMQ", "DaftModel", "DaftWire", "DaftPlan", "DaftCommand", "DaftLink", "DaftTrust"]),
        module(
            "DaftEngine", words + ["DaftLink", "DaftTrust", "DaftStore", "DaftCatalogue"]),
        module("DaftLaunch", ["COpenSSL", "CLinux", "DaftModel", "DaftWire", "DaftLink", "DaftTrust"]),
        module(
            "DaftShell",
            ["CEdit", "DaftModel", "DaftWire", "DaftPlan", "DaftCommand", "DaftLink", "DaftTrust", "DaftEngine"]),
        module("DaftDoor", ["DaftModel", "DaftCommand", "DaftLink", "DaftEngine", "DaftShell", "DaftZMQ"]),
        program("daft-solo", ["DaftModel", "DaftCommand", "DaftEngine", "DaftShell"]),
        program(
            "daft-run",
            [
                "DaftModel", "DaftWire", "DaftPlan", "DaftCommand", "DaftDoor", "DaftEngine", "DaftLink", "DaftMPI",
                "DaftShell",
            ]),
        program(
            "daft",
            [
                "DaftModel", "DaftWire", "DaftCommand", "DaftDoor", "DaftEngine", "DaftLaunch", "DaftLink", "DaftShell",
                "DaftZMQ",
            ],
            linker: selfContained),
        program("daft-bench", ["DaftModel", "DaftWire", "DaftLink", "DaftStore", "DaftCatalogue", "DaftEngine"]),

        tests(of: "DaftModel", ["DaftWire", "DaftPlan", "DaftCommand"]),
        tests(of: "DaftSQL"),
        tests(of: "DaftTrust", ["DaftModel"]),
        tests(of: "DaftLink", ["DaftModel", "DaftWire", "CZstd"]),
        tests(of: "DaftCatalogue", ["DaftModel", "DaftSQL"]),
        tests(of: "DaftMPI"),
        tests(of: "DaftZMQ", ["DaftModel", "DaftWire", "DaftPlan", "DaftCommand", "DaftLink", "CZMQ", "ZMQFaults"]),
        .target(name: "ZMQFaults", dependencies: ["CZMQ"], path: "Tests/ZMQFaults"),
        tests(of: "DaftEngine", words + ["DaftLink", "DaftStore", "DaftCatalogue"]),
        tests(of: "DaftLaunch", ["DaftModel", "DaftWire"]),
        tests(of: "DaftShell", ["DaftModel", "DaftWire", "DaftCommand", "DaftEngine"]),
        .target(
            name: "FileViewContract", dependencies: ["DaftEngine", "DaftModel"], path: "Tests/FileViewContract",
            swiftSettings: settings),
        .testTarget(
            name: "FileViewTests",
            dependencies: ["FileViewContract", "DaftEngine", "DaftZMQ", "DaftLink", "DaftModel", "DaftWire"],
            swiftSettings: settings),
        .executableTarget(
            name: "mpi-contract",
            dependencies: ["DaftLink", "DaftMPI", "DaftModel", "DaftEngine", "FileViewContract", "MPIFaults"],
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
            name: "HelpTests",
            dependencies: ["daft-run", "daft", "daft-solo", "TestPrograms", "DaftModel", "DaftCommand"],
            swiftSettings: settings),
        .testTarget(
            name: "ReadmeTests",
            dependencies: ["daft-run", "daft", "daft-solo", "TestBox", "TestPrograms", "DaftCommand"],
            swiftSettings: settings),
        .testTarget(
            name: "PromiseTests",
            dependencies: [
                "daft-run", "daft", "daft-solo", "TestBox", "TestPrograms", "TestDisk", "DaftModel", "DaftWire",
                "DaftCommand", "DaftLink",
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
        tests(of: "DaftStore", ["DaftModel", "DaftWire", "DaftPlan", "DaftSQL", "TestDisk"]),
        .target(
            name: "TestDisk", dependencies: ["DaftModel", "DaftStore"], path: "Tests/TestDisk",
            swiftSettings: settings),
        .testTarget(
            name: "SimulationTests",
            dependencies: [
                "TestDisk", "DaftModel", "DaftWire", "DaftLink", "DaftStore", "DaftCatalogue",
                "DaftEngine",
            ],
            swiftSettings: settings),
    ] + fuzzing
)
