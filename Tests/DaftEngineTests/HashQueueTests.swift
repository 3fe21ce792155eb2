// Every caller gets the ids of its own bytes, whatever else is queued.

import DaftLink
import DaftModel
import DaftStore
import Testing

@testable import DaftEngine

@Suite struct HashQueueTests {
    @Test(arguments: [1, 3]) func everybodyGetsTheirOwnIDs(threads: Int) async {
        let workers = Workers(threads: threads, name: "digesting")
        defer { workers.stop() }
        let digesting = HashQueue(on: workers, width: 2)
        let pool = SlabPool(totalBytes: 1 << 20, slabBytes: 1024)
        let areRight = await withTaskGroup(of: Bool.self) { group in
            for number in 0..<100 {
                group.addTask {
                    let parts = (0..<number % 4).map { [UInt8](repeating: UInt8(number), count: 64 * (1 + $0 / 2)) }
                    var slices: [SlabSlice] = []
                    for part in parts {
                        let slice = await pool.take(part.count).slice(0, part.count)
                        slice.withMutableBytes { $0.copyBytes(from: part) }
                        slices.append(slice)
                    }
                    return await digesting.digests(of: slices) == parts.map { digest(of: $0) }
                }
            }
            return await group.reduce(into: []) { $0.append($1) }
        }
        #expect(areRight.count == 100)
        #expect(areRight.allSatisfy { $0 })
    }
}
