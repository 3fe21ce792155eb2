// The error for a store in use names its owner and the remedy.

import DaftModel
import DaftSQL
import Glibc
import Testing

@testable import DaftStore

@Suite struct StoreLockTests {
    private let fixture = Fixture()

    private func refusal() -> Failure? {
        do {
            _ = try fixture.open()
            return nil
        } catch { return error as? Failure }
    }

    @Test func aStoreInUseOnAnotherNodeNamesThatNode() throws {
        let owner = try fixture.open()
        #expect(refusal()?.reason.hasPrefix("in use by another daft, process \(getpid()): ") ?? false)
        fixture.options.bootID = Array("that of another kernel".utf8)
        let refused = refusal()
        var name = [CChar](repeating: 0, count: 256)
        gethostname(&name, name.count)
        let host = String(decoding: name.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
        #expect(refused?.kind == .locked)
        #expect(refused?.reason.hasPrefix("in use on \(host), by process \(getpid()) there: ") ?? false, "\(refused!)")
        owner.close()
    }

    @Test func aStoreOfANewerDaftSaysSo() throws {
        try fixture.open().close()
        do {
            let database = try Database(path: fixture.path + "/.daft/store.sqlite", durable: false)
            try database.execute("PRAGMA user_version = \(Ledger.version + 1)")
        }
        #expect(refusal()?.reason.hasPrefix("made by a newer daft (format \(Ledger.version + 1)") ?? false)
    }
}
