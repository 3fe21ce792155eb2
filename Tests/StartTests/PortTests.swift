// With a port range, as for a firewall, nodes listen only on ports of that range.

import Foundation
import Glibc
import Testing
import TestPrograms

@Suite(.serialized) struct PortTests {
    /// A range of ports just found free, below the kernel's ephemeral ports.
    private static func freeRange(_ count: UInt16) throws -> ClosedRange<UInt16> {
        for _ in 0..<100 {
            let first = UInt16.random(in: 10_000...30_000)
            let range = first...first + count - 1
            let files = range.map(listener)
            defer { for file in files where file >= 0 { close(file) } }
            if files.allSatisfy({ $0 >= 0 }) { return range }
        }
        throw NoFreePorts()
    }

    private static func listener(at port: UInt16) -> Int32 {
        let file = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        var place = sockaddr_in()
        place.sin_family = sa_family_t(AF_INET)
        place.sin_port = port.bigEndian
        let code = withUnsafePointer(to: &place) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(file, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0 ? listen(file, 1) : -1
            }
        }
        if code == 0 { return file }
        close(file)
        return -1
    }

    private struct NoFreePorts: Error {}

    /// The ports a process listens on.
    private func ports(of process: pid_t) -> [UInt16] {
        let files = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/\(process)/fd")) ?? []
        let own = Set(
            files.compactMap { try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(process)/fd/\($0)") }
        )
        return ["tcp", "tcp6"].flatMap { table -> [UInt16] in
            let text = (try? String(contentsOfFile: "/proc/\(process)/net/\(table)", encoding: .utf8)) ?? ""
            return text.split(separator: "\n").compactMap { line in
                let words = line.split(separator: " ")
                // State 0A is listening; the tenth word is the inode.
                guard words.count > 9, words[3] == "0A", own.contains("socket:[\(words[9])]") else { return nil }
                return words[1].split(separator: ":").last.flatMap { UInt16($0, radix: 16) }
            }
        }
    }

    @Test func allNodesListenInTheRangeAlone() throws {
        let site = try Site()
        let range = try Self.freeRange(8)
        let text = "\(range.lowerBound)-\(range.upperBound)"
        let start = try site.run("start", try site.hosts("n1", "n2"), "--ports", text)
        #expect(start.status == 0, "\(start)")
        // Joining nodes use the system's range.
        #expect(try site.run("join", "n3").status == 0)
        // /proc tables read during concurrent changes may miss entries.
        let isRange = soon { site.nodes.flatMap(ports).sorted() == Array(range) }
        #expect(isRange, "\(site.nodes.flatMap(ports))")
        let more = try site.run("join", "n4")
        #expect(more.status == 1, "\(more)")
        #expect(more.errors.contains("of the ports \(text) too few are free on this node"), "\(more)")
    }

    @Test func aSystemKeepsThePortThatItsDataServersKnow() throws {
        let site = try Site()
        let range = try Self.freeRange(6)
        #expect(
            try site.run("start", try site.hosts("n1"), "--ports", "\(range.lowerBound)-\(range.upperBound)").status
                == 0)
        let other = try Self.freeRange(4)
        let again = try site.run("start", site.path + "/hosts", "--ports", "\(other.lowerBound)-\(other.upperBound)")
        #expect(again.status == 2 && again.errors.contains("which is none of"), "\(again)")
        site.endNodes()
        #expect(try site.run("start", site.path + "/hosts").status == 0)
        #expect(site.nodes.flatMap(ports).allSatisfy(range.contains))
    }
}
