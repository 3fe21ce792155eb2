// Peer checks at a door: sockets owned or served by another user are rejected.

import DaftTrust
import Foundation
import Glibc
import Testing

@testable import DaftZMQ

extension AtTheDoor {
    @Suite struct PeerTests {
        private static let other: uid_t = 65_534

        @Test func theKernelSaysWhoIsAtTheOtherEnd() {
            var ends: [Int32] = [-1, -1]
            #expect(socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &ends) == 0)
            #expect(peerUser(of: ends[0]) == geteuid())
            for end in ends { close(end) }
            #expect(peerUser(of: ends[0]) == nil)
        }

        @Test(.enabled(if: geteuid() == 0, "only root can act as two users"))
        func aSocketAtWhichAnotherUserListensIsNoDoor() throws {
            let directory = "/tmp/daft-door-test-\(UInt64.random(in: 0 ... .max))"
            mkdir(directory, 0o700)
            defer { try? FileManager.default.removeItem(atPath: directory) }
            chown(directory, Self.other, Self.other)
            let listener = Process()
            listener.executableURL = URL(fileURLWithPath: "/usr/bin/setpriv")
            let program = """
                import os, socket, sys
                s = socket.socket(socket.AF_UNIX)
                s.bind("door")
                s.listen()
                sys.stdin.read()
                """
            listener.arguments = [
                "--reuid=\(Self.other)", "--regid=\(Self.other)", "--clear-groups", "env", "-C", directory, "python3",
                "-c", program,
            ]
            let input = Pipe()
            listener.standardInput = input
            try listener.run()
            defer {
                try? input.fileHandleForWriting.close()
                listener.waitUntilExit()
            }
            let named = try DoorAddress(in: Array(directory.utf8), isNamed: true)
            #expect(soon { named.isOpen })
            #expect(throws: (any Error).self) { try DoorAddress(in: Array(directory.utf8)) }
            // Directory and socket are ours now; the listening process is still another user's.
            chown(directory, 0, 0)
            let address = try DoorAddress(in: Array(directory.utf8))
            #expect(!address.isOpen)
            chown(directory + "/door", 0, 0)
            #expect(!address.isOpen)
        }
    }
}
