// Who may import whom: docs/architecture.md as data. A new target is added here before it can be built.

/// The modules that a Swift target may import, by the target's name.
let walls: [String: Set<String>] = [
    "DaftCore": [],
    "DaftSQL": ["CSQLite", "Glibc", "Synchronization"],
    "DaftLink": ["DaftCore", "CZstd", "CLinux", "Glibc", "Synchronization"],
    "DaftTrust": ["DaftCore", "CLinux", "Glibc"],
    "DaftStore": ["DaftCore", "DaftSQL", "DaftTrust", "COpenSSL", "CLinux", "CDigest", "Glibc", "Synchronization"],
    "DaftCatalogue": ["DaftCore", "DaftSQL", "Synchronization"],
    "DaftMPI": ["DaftCore", "DaftLink", "CMPI", "CLinux", "Glibc", "Synchronization"],
    "DaftZMQ": ["DaftCore", "DaftLink", "DaftTrust", "CZMQ", "Glibc", "Synchronization"],
    "DaftEngine": [
        "DaftCore", "DaftLink", "DaftTrust", "DaftStore", "DaftCatalogue", "CLinux", "Glibc", "Synchronization",
    ],
    "DaftLaunch": ["DaftCore", "DaftLink", "DaftTrust", "COpenSSL", "CLinux", "Glibc", "Synchronization"],
    "DaftShell": ["CEdit", "DaftCore", "DaftLink", "DaftTrust", "DaftEngine", "Glibc", "Synchronization"],
    "DaftDoor": ["DaftShell", "DaftZMQ", "DaftEngine", "DaftLink", "DaftCore"],
    "daft-run": [
        "DaftShell", "DaftMPI", "DaftZMQ", "DaftDoor", "DaftEngine", "DaftLink", "DaftCore", "Glibc", "Synchronization",
    ],
    "daft": [
        "DaftShell", "DaftZMQ", "DaftDoor", "DaftLaunch", "DaftEngine", "DaftLink", "DaftCore", "Glibc",
        "Synchronization",
    ],
    "daft-solo": ["DaftShell", "DaftEngine", "DaftCore", "Glibc"],
    "daft-bench": [
        "DaftCore", "DaftSQL", "DaftLink", "DaftStore", "DaftCatalogue", "DaftEngine", "COpenSSL", "CZstd", "CLinux",
        "Glibc", "Synchronization",
    ],
]

/// Targets that are C, or the map of a system library: nothing of Swift in them to look at.
let foreign: Set<String> = ["CEdit", "CLinux", "CDigest", "CSQLite", "COpenSSL", "CZstd", "CZMQ", "CMPI"]

/// Programs: they, and the shell they share, are the ones who print.
let programs: Set<String> = ["daft-run", "daft", "daft-solo", "daft-bench"]

/// Only these may have Open MPI in them, by whatever way: a client runs where there is none.
let mayLinkMPI: Set<String> = ["DaftMPI", "daft-run"]

/// What any test may import beside the target it tests and whatever that one reaches.
let testTools: Set<String> = ["Testing", "Foundation", "Glibc", "Synchronization", "TestDisk", "ZMQFaults"]

/// Tests that are of no one target: what they import.
let testsOfNoTarget: [String: Set<String>] = [
    "SimulationTests": [
        "Testing", "Foundation", "Glibc", "Synchronization", "TestDisk", "DaftCore", "DaftLink", "DaftStore",
        "DaftCatalogue", "DaftEngine",
    ],
    "TestDisk": ["DaftCore", "DaftStore", "Glibc", "Synchronization"],
    "Fuzz": ["DaftCore", "DaftSQL", "DaftLink", "DaftCatalogue", "DaftLaunch", "DaftZMQ", "CZstd", "Glibc"],
    "TidyTests": ["Testing", "Foundation"],
    "ClusterTests": ["Testing", "Foundation", "Glibc", "TestPrograms"],
    "mpi-contract": ["DaftCore", "DaftLink", "DaftMPI", "MPIFaults", "Glibc", "Synchronization"],
    "TestBox": ["Foundation", "Glibc", "Synchronization", "TestPrograms"],
    "TestPrograms": ["Foundation", "Glibc"],
    "SoloTests": ["Testing", "Foundation", "Glibc", "TestPrograms"],
    "ServeTests": ["Testing", "Foundation", "Glibc", "TestPrograms"],
    "StartTests": ["Testing", "Foundation", "Glibc", "TestPrograms"],
    "HelpTests": ["Testing", "Foundation", "Glibc", "TestPrograms", "DaftCore"],
    "ReadmeTests": ["Testing", "Foundation", "Glibc", "TestBox", "TestPrograms", "DaftCore"],
    "PromiseTests": [
        "Testing", "Foundation", "Glibc", "Synchronization", "TestBox", "TestPrograms", "TestDisk", "DaftCore",
        "DaftLink",
        "DaftStore", "DaftCatalogue", "DaftEngine",
    ],
    "WorkstationTests": ["Testing", "Foundation", "Glibc", "Synchronization", "CZMQ", "TestBox", "TestPrograms"],
    "SchedulerTests": ["Testing", "Foundation", "Glibc", "TestBox", "TestPrograms"],
    "SystemLibraryTests": ["Testing", "CSQLite", "COpenSSL", "CZstd", "CZMQ", "CMPI"],
]
