// Which Open MPI parameters are set, and which are left to the user.

import Foundation
import Testing

@testable import DaftMPI

@Suite struct ParameterTests {
    private static let debian = """
        # Debian's
        btl_base_warn_component_unused=0
        mtl = ^ofi
        btl = ^uct,openib,ofi
        pml = ^ucx
        osc = ^ucx,pt2pt
        """

    /// The decision with a fast fabric and this parameter file.
    private func decide(_ text: String = debian, environment: [String: String] = [:]) throws -> MPIParameter {
        let file = "/tmp/daft-parameters-\(UInt64.random(in: 0 ... .max))"
        try Data(text.utf8).write(to: URL(fileURLWithPath: file))
        defer { try? FileManager.default.removeItem(atPath: file) }
        let decided = MPIParameters.decide(
            hasFastFabric: true, interfaces: [], variable: { environment[$0] }, files: ["/nowhere/at/all", file])
        return try #require(decided.first)
    }

    @Test func debiansOwnFileIsNobodysChoice() throws {
        let set = try decide()
        #expect(set.name == "pml" && set.value == "^none" && set.leftSince == nil)
        #expect(set.description.hasPrefix("pml=^none is set, since a fast fabric is here"))
    }

    @Test(arguments: ["pml = ob1", "btl=tcp,self", "  mtl = psm2 # ours", "pml = ^ucx,cm"])
    func aChoiceInAFileIsLeft(line: String) throws {
        let left = try decide(ParameterTests.debian + "\n" + line + "\n")
        #expect(left.leftSince?.hasPrefix("/tmp/daft-parameters-") == true)
        #expect(left.description.hasPrefix("pml is left as it is, since /tmp/daft-parameters-"))
    }

    @Test(arguments: ["pml", "btl", "mtl"])
    func aChoiceInTheEnvironmentIsLeft(name: String) throws {
        let left = try decide(environment: ["OMPI_MCA_" + name: "anything"])
        #expect(left.description == "pml is left as it is, since OMPI_MCA_\(name) is set")
    }

    @Test(arguments: ["# pml = ob1", "coll_tuned_priority = 5", "", "= 5", "btl_tcp_if_include = eth0"])
    func whatHasNothingToDoWithItIsNoChoice(line: String) throws {
        #expect(try decide(line).leftSince == nil)
    }

    @Test func whereThereIsNoFastFabricNothingIsTouched() {
        let ordinary = ["lo", "eth0", "br0", "ib0"]
        #expect(
            MPIParameters.decide(hasFastFabric: false, interfaces: ordinary, variable: { _ in nil }, files: []).isEmpty)
    }

    @Test func aNetworkInsideOfANodeIsLeftOutWhereNobodyHasChosen() {
        let decide = { (environment: [String: String]) in
            MPIParameters.decide(
                hasFastFabric: false, interfaces: ["virbr0", "eth0", "docker0"], variable: { environment[$0] },
                files: [])
        }
        #expect(decide([:]).map(\.value) == ["127.0.0.1/8,sppp,docker0,virbr0"])
        #expect(decide(["OMPI_MCA_pml": "ob1"]).map(\.leftSince) == [nil])
        for name in ["OMPI_MCA_btl_tcp_if_include", "OMPI_MCA_btl_tcp_if_exclude"] {
            #expect(decide([name: "eth0"]).map(\.leftSince) == ["\(name) is set"])
        }
    }
}
