// The client's ZMTP, against a peer that sends what it likes; DoorTests runs it against libzmq.

import Glibc
import Testing

@testable import DaftZMQ

@Suite struct DoorStreamTests {
    private static let greeting: [UInt8] =
        [0xff, 0, 0, 0, 0, 0, 0, 0, 1, 0x7f, 3, 1] + Array("NULL".utf8) + [UInt8](repeating: 0, count: 48)
    private static let ready: [UInt8] = [4, 6, 5] + Array("READY".utf8)

    private let stream: DoorStream
    private let peer: Int32

    init() {
        var pair: [Int32] = [-1, -1]
        _ = socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &pair)
        for file in pair { _ = fcntl(file, F_SETFL, O_NONBLOCK) }
        stream = DoorStream(pair[0])
        peer = pair[1]
    }

    private func write(_ bytes: [UInt8]) { #expect(Glibc.write(peer, bytes, bytes.count) == bytes.count) }

    private func written() -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: 1 << 20)
        let count = Glibc.read(peer, &bytes, bytes.count)
        return Array(bytes.prefix(max(0, count)))
    }

    @Test func messagesWaitForTheHandshakeAndKeepTheirOrder() throws {
        stream.send([1])
        #expect(written().count == 64 + 43)
        stream.send([2, 2])
        #expect(written() == [])
        write(DoorStreamTests.greeting)
        #expect(try stream.receive() == nil)
        #expect(written() == [])
        write(DoorStreamTests.ready)
        #expect(try stream.receive() == nil)
        #expect(written() == [0, 1, 1, 0, 2, 2, 2])
        stream.send([UInt8](repeating: 7, count: 256))
        #expect(written() == [2, 0, 0, 0, 0, 0, 0, 1, 0] + [UInt8](repeating: 7, count: 256))
        close(peer)
    }

    @Test func messagesComeInWhateverPieces() throws {
        let long = [UInt8](repeating: 9, count: 300)
        let header: [UInt8] = [0, 2, 5, 6, 4, 1, 0, 2, 0, 0, 0, 0, 0, 0, 1, 44]
        let bytes: [UInt8] = DoorStreamTests.greeting + DoorStreamTests.ready + header + long + [0, 0]
        var got: [[UInt8]] = []
        for byte in bytes {
            write([byte])
            while let message = try stream.receive() { got.append(message) }
        }
        #expect(got == [[5, 6], long, []])
        close(peer)
        #expect(throws: DoorStream.Trouble.broken) { try stream.receive() }
    }

    @Test func whatCameBeforeTheEndIsReceived() throws {
        write(DoorStreamTests.greeting + DoorStreamTests.ready + [0, 1, 8, 0, 1])
        close(peer)
        #expect(try stream.receive() == [8])
        #expect(throws: DoorStream.Trouble.broken) { try stream.receive() }
    }

    /// Another greeting, version or mechanism; a part of several; lengths beyond all bounds.
    private static let wrong: [[UInt8]] = {
        var (old, curve) = (greeting, greeting)
        old[10] = 2
        curve.replaceSubrange(12..<17, with: Array("CURVE".utf8))
        let open = greeting + ready
        return [
            [UInt8](repeating: 0x41, count: 64), [0xff] + [UInt8](repeating: 0, count: 63), old, curve,
            open + [1, 1, 0], open + [2, 0x7f, 0, 0, 0, 0, 0, 0, 0], open + [2, 0, 0, 0, 0, 0, 0x40, 0, 1],
        ]
    }()

    @Test(arguments: wrong)
    func whatIsNotTheProtocolIsRefused(_ bytes: [UInt8]) throws {
        write(bytes)
        #expect(throws: DoorStream.Trouble.malformed) { try stream.receive() }
        close(peer)
    }
}
