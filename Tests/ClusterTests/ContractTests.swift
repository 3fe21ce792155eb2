// The MPI link keeps the link contract, over shared memory and TCP.

import Testing

@Suite(.serialized) struct ContractTests {
    @Test(arguments: [2, 4, 7], [[], ["--mca", "btl", "tcp,self"]])
    func theContractIsKept(ranks: Int, mca: [String]) throws {
        let ended = try Job(ranks, "mpi-contract", [], mca: mca).end(withinSeconds: 120)
        #expect(ended.status == 0, "\(ended)")
        #expect(ended.output.contains(" 0 broken"), "\(ended)")
    }

    @Test(arguments: [[], ["--mca", "btl", "tcp,self"]]) func anErrorOfMPIFailsItsRequestAlone(mca: [String]) throws {
        let ended = try Job(3, "mpi-contract", ["faults"], mca: mca).end(withinSeconds: 120)
        #expect(ended.status == 0, "\(ended)")
        #expect(ended.output.contains(" 0 broken"), "\(ended)")
    }

    @Test(arguments: [[], ["--mca", "btl", "tcp,self"]]) func viewsKeepTheirContract(mca: [String]) throws {
        let scratch = try Scratch()
        let ended = try Job(3, "mpi-contract", ["view", scratch.path], mca: mca).end(withinSeconds: 120)
        #expect(ended.status == 0, "\(ended)")
        #expect(ended.output.contains("all ranks have ended"), "\(ended)")
    }
}
