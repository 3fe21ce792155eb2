// Whoever has bytes hashed gets the ids of these, whoever else is in the queue.

import DaftCore
import DaftLink
import DaftStore
import Testing

@testable import DaftEngine

@Suite struct DigestingTests {
    @Test(arguments: [0, 1, 3]) func everybodyGetsTheirOwnIDs(threads: Int) async {
        let workers = Workers(threads: threads, name: "digesting")
        defer { workers.stop() }
        let digesting = Digesting(on: workers, width: 2)
        let areRight = await withTaskGroup(of: Bool.self) { group in
            for number in 0..<100 {
                group.addTask {
                    let parts = (0..<number % 4).map { [UInt8](repeating: UInt8(number), count: 64 * (1 + $0 / 2)) }
                    let memory = parts.map { part in
                        let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: part.count, alignment: 16)
                        copy.copyBytes(from: part)
                        return copy
                    }
                    defer { for copy in memory { copy.deallocate() } }
                    return await digesting.digests(of: memory.map { UnsafeRawBufferPointer($0) })
                        == parts.map { digest(of: $0) }
                }
            }
            return await group.reduce(into: []) { $0.append($1) }
        }
        #expect(areRight.count == 100)
        #expect(areRight.allSatisfy { $0 })
    }
}
