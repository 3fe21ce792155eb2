// Thousands of strangers at an unencrypted bulk port: all are disconnected, and their resources released.

import DaftCommand
import DaftLink
import DaftModel
import Foundation
import Glibc
import Testing

@testable import DaftZMQ

@Suite(.serialized, .timeLimit(.minutes(2))) struct CrowdTests {
    private static let strangers = 2_000

    /// The ZMTP 3.1 greeting with that mechanism.
    private static func greeting(_ mechanism: String) -> [UInt8] {
        let name = Array(mechanism.utf8)
        return [0xff, 0, 0, 0, 0, 0, 0, 0, 1, 0x7f, 3, 1] + name + [UInt8](repeating: 0, count: 52 - name.count)
    }

    /// What each sends: garbage; greetings of anonymous ZeroMQ clients, new and old; nothing.
    private static let garbage: [[UInt8]] = [
        (0..<4_000).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ 1) & 0x7f },
        greeting("NULL") + [4, 25, 5] + Array("READY".utf8) + [11] + Array("Socket-Type".utf8) + [0, 0, 0, 1, 0x44],
        [1, 0, 5, 0] + Array("abcd".utf8),
        [],
    ]
    /// An unknown name, in the system's own format.
    private static let wrongName =
        greeting("PLAIN") + [4, 16, 5] + Array("HELLO".utf8) + [4] + Array("daft".utf8) + [4] + Array("none".utf8)

    @Test func twoThousandStrangersAreShownOutAndTakeNoMemory() async throws {
        let old = try raiseLimit(to: 3 * rlim_t(Self.strangers))
        defer { restore(old) }
        let stations = try Workstations(2, encrypts: false)
        defer { stations.close() }
        #expect(await stations.gather())
        let port = stations.links[0].bulkPort
        let before = residentBytes()
        // At 16 KiB each it would be 31 MiB.
        for _ in 0..<2 { #expect(try connectAll(port, Self.strangers, sending: Self.garbage) == 0) }
        let grown = residentBytes() - before
        #expect(grown < 4 << 20, "\(grown >> 10) KiB")
        // A client that speaks the system's protocol costs more until its handshake times out; later ones reuse that
        // memory.
        var waves: [Int] = []
        for _ in 0..<9 {
            #expect(try connectAll(port, 400, sending: [Self.wrongName]) == 0)
            waves.append((residentBytes() - before) >> 10)
        }
        #expect(waves[8] < waves[5] + 6_144 && waves[8] < 40_960, "KiB: \(waves)")
        // Members can still connect.
        let others = stations.links.dropFirst().map { link in link.loop.start { await LinkContract.serve(link) } }
        let first = stations.links[0]
        let broken = await first.loop.start { await LinkContract(first).run() }.value
        #expect(broken.isEmpty, "\(broken)")
        for other in others { await other.value }
    }

    @Test func whoWasTurnedAwayComesAgainWithTheNextLoad() async throws {
        let stations = try Workstations(2, encrypts: false)
        defer { stations.close() }
        #expect(await stations.gather())
        let (first, second) = (stations.links[0], stations.links[1])
        // Like a client in a crowd whose name has not been announced yet.
        let early = try #require(await second.loop.start { second.bulkToken(for: Rank(0)) }.value)
        let rounds = Date().addingTimeInterval(40)
        while await !isRefused(second), Date() < rounds {
            let strangers = try (0..<90).map { _ in try connected(first.bulkPort) }
            defer { for file in strangers { close(file) } }
            for file in strangers {
                _ = Self.wrongName.withUnsafeBytes { send(file, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
            }
            usleep(300_000)
        }
        #expect(await isRefused(second))
        let again = await second.loop.start { second.bulkToken(for: Rank(0)) }.value
        #expect(again != nil && again != early)
        let other = second.loop.start { await LinkContract.serve(second) }
        let broken = await first.loop.start { await LinkContract(first).run() }.value
        #expect(broken.isEmpty, "\(broken)")
        await other.value
    }

    private func isRefused(_ link: ZMQLink) async -> Bool {
        await link.loop.start { link.peers[Rank(0)]?.bulk?.isRefused ?? false }.value
    }

    /// Opens connections and keeps them while allowed; returns how many remain at the end.
    private func connectAll(_ port: UInt16, _ count: Int, sending words: [[UInt8]]) throws -> Int {
        var files: [Int32] = []
        defer { for file in files { close(file) } }
        for number in 0..<count {
            let file = try connected(port)
            files.append(file)
            _ = words[number % words.count].withUnsafeBytes {
                send(file, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
        }
        let deadline = Date().addingTimeInterval(15)
        var rest = files
        while !rest.isEmpty, Date() < deadline {
            rest.removeAll { hasEnded($0) }
            usleep(100_000)
        }
        return rest.count
    }

    private func hasEnded(_ file: Int32) -> Bool {
        var buffer = [UInt8](repeating: 0, count: 4_096)
        while true {
            let count = recv(file, &buffer, buffer.count, Int32(MSG_DONTWAIT))
            if count > 0 { continue }
            return count == 0 || errno != EAGAIN
        }
    }

    private func connected(_ port: UInt16) throws -> Int32 {
        let file = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        let code = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(file, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        try #require(code == 0, "\(String(cString: strerror(errno)))")
        return file
    }

    private func residentBytes() -> Int {
        let text = (try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8)) ?? ""
        return (text.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0) * 4_096
    }

    private func raiseLimit(to wanted: rlim_t) throws -> rlimit {
        var limit = rlimit()
        #expect(getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0)
        let old = limit
        limit.rlim_cur = min(max(limit.rlim_cur, wanted), limit.rlim_max)
        try #require(limit.rlim_cur >= wanted, "descriptors: ulimit -Hn")
        #expect(setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0)
        return old
    }

    private func restore(_ limit: rlimit) {
        var limit = limit
        setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    }
}
