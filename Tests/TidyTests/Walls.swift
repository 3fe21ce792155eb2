// Allowed imports: docs/architecture.md as data. A new target must be added here.

/// The modules that a Swift target may import, by target.
let walls: [String: Set<String>] = [
    "DaftModel": [],
    "DaftWire": ["DaftModel"],
    "DaftPlan": ["DaftModel", "DaftWire"],
    "DaftCommand": ["DaftModel", "DaftWire", "DaftPlan"],
    "DaftSQL": ["CSQLite", "Glibc", "Synchronization"],
    "DaftLink": ["DaftModel", "DaftWire", "CZstd", "CLinux", "Glibc", "Synchronization"],
    "DaftTrust": ["DaftModel", "DaftPlan", "CLinux", "Glibc"],
    "DaftStore": [
        "DaftModel", "DaftWire", "DaftPlan", "DaftSQL", "DaftTrust", "COpenSSL", "CLinux", "CDigest",
        "Glibc", "Synchronization",
    ],
    "DaftCatalogue": ["DaftModel", "DaftSQL", "Synchronization"],
    "DaftMPI": [
        "DaftModel", "DaftWire", "DaftPlan", "DaftLink", "CMPI", "CLinux", "Glibc", "Synchronization",
    ],
    "DaftZMQ": [
        "DaftModel", "DaftWire", "DaftPlan", "DaftCommand", "DaftLink", "DaftTrust", "CZMQ", "Glibc", "Synchronization",
    ],
    "DaftEngine": [
        "DaftModel", "DaftWire", "DaftPlan", "DaftLink", "DaftTrust", "DaftStore", "DaftCatalogue",
        "CLinux", "Glibc", "Synchronization",
    ],
    "DaftLaunch": [
        "DaftModel", "DaftWire", "DaftLink", "DaftTrust", "COpenSSL", "CLinux", "Glibc",
        "Synchronization",
    ],
    "DaftShell": [
        "CEdit", "DaftModel", "DaftWire", "DaftPlan", "DaftCommand", "DaftLink", "DaftTrust", "DaftEngine", "Glibc",
        "Synchronization",
    ],
    "DaftDoor": ["DaftShell", "DaftZMQ", "DaftEngine", "DaftLink", "DaftModel", "DaftCommand"],
    "daft-run": [
        "DaftShell", "DaftMPI", "DaftDoor", "DaftEngine", "DaftLink", "DaftModel", "DaftWire", "DaftPlan",
        "DaftCommand", "Glibc", "Synchronization",
    ],
    "daft": [
        "DaftShell", "DaftZMQ", "DaftDoor", "DaftLaunch", "DaftEngine", "DaftLink", "DaftModel", "DaftWire", "DaftPlan",
        "DaftCommand", "Glibc",
        "Synchronization",
    ],
    "daft-solo": ["DaftShell", "DaftEngine", "DaftModel", "DaftCommand", "Glibc"],
    "daft-bench": [
        "DaftModel", "DaftWire", "DaftSQL", "DaftLink", "DaftStore", "DaftCatalogue",
        "DaftEngine", "COpenSSL", "CZstd", "CLinux",
        "Glibc", "Synchronization",
    ],
]

/// C targets and system library maps, which have no Swift code.
let foreign: Set<String> = ["CEdit", "CLinux", "CDigest", "CSQLite", "COpenSSL", "CZstd", "CZMQ", "CMPI", "CPeerLoss"]

/// Programs: only they and DaftShell may print.
let programs: Set<String> = ["daft-run", "daft", "daft-solo", "daft-bench"]

/// Only these may reach Open MPI, since clients run without it.
let mayLinkMPI: Set<String> = ["DaftMPI", "daft-run"]

/// Modules that any test may import besides its target and what that reaches.
let testTools: Set<String> = ["Testing", "Foundation", "Glibc", "Synchronization", "TestDisk", "ZMQFaults"]

/// Imports of tests that belong to no single target.
let testsOfNoTarget: [String: Set<String>] = [
    "DaftModelTests": [
        "Testing", "Foundation", "Glibc", "Synchronization", "DaftModel", "DaftWire", "DaftPlan", "DaftCommand",
    ],
    "SimulationTests": [
        "Testing", "Foundation", "Glibc", "Synchronization", "TestDisk", "DaftModel", "DaftWire", "DaftPlan",
        "DaftLink", "DaftStore",
        "DaftCatalogue", "DaftEngine",
    ],
    "TestDisk": ["DaftModel", "DaftStore", "Glibc", "Synchronization"],
    "Fuzz": [
        "DaftModel", "DaftWire", "DaftPlan", "DaftCommand", "DaftSQL", "DaftLink", "DaftCatalogue", "DaftLaunch",
        "DaftZMQ", "CZstd", "Glibc",
    ],
    "TidyTests": ["Testing", "Foundation"],
    "ClusterTests": ["Testing", "Foundation", "Glibc", "TestPrograms"],
    "FileViewContract": ["DaftEngine", "DaftModel", "Glibc"],
    "FileViewTests": [
        "Testing", "Foundation", "FileViewContract", "DaftEngine", "DaftZMQ", "DaftLink", "DaftModel", "DaftWire",
    ],
    "mpi-contract": [
        "DaftModel", "DaftLink", "DaftMPI", "DaftEngine", "FileViewContract", "MPIFaults", "Glibc", "Synchronization",
    ],
    "TestBox": ["Foundation", "Glibc", "Synchronization", "TestPrograms"],
    "TestPrograms": ["Foundation", "Glibc"],
    "SoloTests": ["Testing", "Foundation", "Glibc", "TestPrograms"],
    "ServeTests": ["Testing", "Foundation", "Glibc", "TestPrograms"],
    "StartTests": ["Testing", "Foundation", "Glibc", "TestPrograms"],
    "HelpTests": [
        "Testing", "Foundation", "Glibc", "TestPrograms", "DaftModel", "DaftCommand",
    ],
    "ReadmeTests": [
        "Testing", "Foundation", "Glibc", "TestBox", "TestPrograms", "DaftCommand",
    ],
    "PromiseTests": [
        "Testing", "Foundation", "Glibc", "Synchronization", "TestBox", "TestPrograms", "TestDisk", "DaftModel",
        "DaftWire", "DaftPlan", "DaftCommand",
        "DaftLink",
        "DaftStore", "DaftCatalogue", "DaftEngine",
    ],
    "WorkstationTests": ["Testing", "Foundation", "Glibc", "Synchronization", "CZMQ", "TestBox", "TestPrograms"],
    "SchedulerTests": ["Testing", "Foundation", "Glibc", "TestBox", "TestPrograms"],
    "SystemLibraryTests": ["Testing", "CSQLite", "COpenSSL", "CZstd", "CZMQ", "CMPI"],
]
