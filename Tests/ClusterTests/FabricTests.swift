// The networks of Open MPI that need no hardware: the link keeps its contract over each, and a broadcast arrives whole.

import Foundation
import Testing

/// A way for Open MPI to carry messages, and the component that it needs.
struct Fabric: Sendable, CustomTestStringConvertible {
    let name: String
    let component: String
    let mca: [String]

    private static let ucx = ["--mca", "pml", "ucx", "--mca", "pml_ucx_tls", "any", "--mca", "pml_ucx_devices", "any"]

    static let all = [
        Fabric(name: "shared memory", component: "mca_btl_vader", mca: ["--mca", "btl", "vader,self"]),
        Fabric(name: "TCP", component: "mca_btl_tcp", mca: ["--mca", "btl", "tcp,self"]),
        Fabric(name: "UCX", component: "mca_pml_ucx", mca: ucx),
        Fabric(name: "UCX over TCP", component: "mca_pml_ucx", mca: ucx + ["-x", "UCX_TLS=tcp,self"]),
        Fabric(
            name: "libfabric over TCP", component: "mca_mtl_ofi",
            mca: ["--mca", "pml", "cm", "--mca", "mtl", "ofi", "--mca", "mtl_ofi_provider_include", "tcp"]),
    ]

    static let installed = all.filter { fabric in
        let libraries = (try? FileManager.default.contentsOfDirectory(atPath: "/usr/lib")) ?? []
        return libraries.contains { library in
            let path = "/usr/lib/\(library)/openmpi/lib/openmpi3/\(fabric.component).so"
            return FileManager.default.fileExists(atPath: path)
        }
    }

    var testDescription: String { name }
}

@Suite(.serialized) struct FabricTests {
    @Test func debiansOpenMPIHasThem() { #expect(Fabric.installed.count == Fabric.all.count) }

    /// ContractTests has the others.
    @Test(arguments: Fabric.installed.filter { !$0.component.contains("btl") })
    func theContractIsKept(over fabric: Fabric) throws {
        let ended = try Job(3, "mpi-contract", [], mca: fabric.mca).end(withinSeconds: 120)
        #expect(ended.status == 0, "\(ended)")
        #expect(ended.output.contains(" 0 broken"), "\(ended)")
    }

    @Test(.enabled(if: PretendedNodes.areAllowed), arguments: Fabric.installed)
    func aBroadcastArrives(over fabric: Fabric) throws {
        let nodes = try PretendedNodes(largeBytes: 20 << 20)
        let ended = try nodes.start(["bcast", nodes.scratch["set"]], mca: fabric.mca).end()
        #expect(ended.status == 0, "\(ended)")
        for host in PretendedNodes.data {
            #expect(try nodes.scratch.changes(from: "set", to: "store-\(host)/set", permissions: false) == "")
        }
    }
}
