// A door and its clients in one process: messages arrive, memory is bounded, and clients leave nothing behind.

import DaftCommand
import DaftLink
import DaftModel
import Foundation
import Glibc
import Synchronization
import Testing

@testable import DaftZMQ

extension AtTheDoor {
    @Suite struct DoorTests {
        @Test func aCommandGoesInAndWhatItPrintsComesOut() async throws {
            let fixture = try DoorFixture { doorSession in
                _ = doorSession.write(Array("out ".utf8) + (doorSession.command.commandText.encoded))
                _ = doorSession.write(Array("oops".utf8), asErrors: true)
                doorSession.end(7)
            }
            let doorClient = try fixture.doorClient()
            let received = doorClient.listen()
            #expect(received.output == Array("out ".utf8) + DoorCommand.some.commandText.encoded)
            #expect(received.errors == Array("oops".utf8))
            #expect(received.status == 7)
            doorClient.close()
            await fixture.end()
        }

        @Test func muchOutputArrivesWholeAndInOrder() async throws {
            let bytes = (0..<5_000_000).map { UInt8(truncatingIfNeeded: $0 &* 31 >> 3) }
            let fixture = try DoorFixture { doorSession in
                for start in stride(from: 0, to: bytes.count, by: 77_777) {
                    _ = doorSession.write(Array(bytes[start..<min(bytes.count, start + 77_777)]))
                }
                doorSession.end(0)
            }
            let doorClients = try (0..<4).map { _ in try fixture.doorClient() }
            for doorClient in doorClients {
                let received = doorClient.listen()
                // Not the arrays themselves: their difference would be worked out for minutes.
                let isWhole = received.output == bytes
                #expect(isWhole, "\(received.output.count) bytes, \(String(describing: received.refusal))")
            }
            for doorClient in doorClients { doorClient.close() }
            await fixture.end()
        }

        @Test(arguments: [1, 100_000]) func whoDoesNotReadHoldsTheWriterBack(pieceBytes: Int) async throws {
            let written = Counter()
            let whole = pieceBytes + ClientMessage.pieceOverheadBytes
            let pieces = 4 * ClientMessage.initialCreditBytes / whole
            let fixture = try DoorFixture { doorSession in
                for _ in 0..<pieces {
                    _ = doorSession.write([UInt8](repeating: 1, count: pieceBytes))
                    written.add(pieceBytes)
                }
                doorSession.end(0)
            }
            let doorClient = try fixture.doorClient()
            #expect(soon { written.now > 0 })
            usleep(300_000)
            let early = written.now
            #expect(early > 0 && early <= ClientMessage.initialCreditBytes * pieceBytes / whole)
            #expect(doorClient.listen().output.count == pieces * pieceBytes)
            doorClient.close()
            await fixture.end()
        }

        @Test func aSignalReachesTheCommandAndFreesABlockedWriter() async throws {
            let ending = Counter()
            let fixture = try DoorFixture { doorSession in
                doorSession.onSignal { ending.add(Int($0)) }
                var last = DoorSession.Written.done
                while case .done = last { last = doorSession.write([UInt8](repeating: 1, count: 100_000)) }
                doorSession.end(last == .stopped ? 130 : 1)
            }
            let doorClient = try fixture.doorClient()
            usleep(100_000)
            doorClient.signal(SIGINT)
            #expect(soon { ending.now == Int(SIGINT) })
            #expect(doorClient.listen().status == 130)
            #expect(fixture.latest?.isDoorClosing == false)
            doorClient.close()
            await fixture.end()
        }

        @Test func whoHasEnoughOfTheOutputStillHearsTheErrors() async throws {
            let fixture = try DoorFixture { doorSession in
                var last = DoorSession.Written.done
                while case .done = last { last = doorSession.write(Array("line".utf8)) }
                _ = doorSession.write(Array("end".utf8), asErrors: true)
                doorSession.end(last == .gone ? 0 : 1)
            }
            let doorClient = try fixture.doorClient()
            doorClient.closeOutput()
            let received = doorClient.listen()
            #expect(received.status == 0)
            #expect(received.errors == Array("end".utf8))
            doorClient.close()
            await fixture.end()
        }

        @Test func aClientThatVanishesHasItsCommandEnded() async throws {
            let ending = Counter()
            let ended = Counter()
            let fixture = try DoorFixture { doorSession in
                doorSession.onSignal { ending.add(Int($0)) }
                while case .done = doorSession.write([UInt8](repeating: 1, count: 100_000)) {}
                doorSession.end(1)
                ended.add(1)
            }
            let doorClient = try fixture.doorClient()
            #expect(soon { fixture.latest != nil })
            doorClient.close()
            #expect(soon { ended.now == 1 })
            #expect(ending.now == Int(SIGHUP))
            await fixture.end()
        }

        @Test func aClientThatFallsSilentHasItsCommandEnded() async throws {
            let ending = Counter()
            let fixture = try DoorFixture { doorSession in
                doorSession.onSignal {
                    ending.add(Int($0)); doorSession.end(1)
                }
            }
            let rawClient = try fixture.rawClient()
            try rawClient.send(ClientMessage.begin(.some).encoded)
            #expect(soon { fixture.latest != nil })
            usleep(1_000_000)
            #expect(ending.now == 0)
            #expect(soon { ending.now == Int(SIGHUP) })
            #expect(try soon { try rawClient.refusal()?.kind == .stopped })
            await fixture.end()
        }

        @Test func aDoorThatDiesOrFallsSilentIsGivenUp() async throws {
            let fixture = try DoorFixture { _ in }
            var patience = DoorClient.Patience()
            (patience.beatMilliseconds, patience.doubtMilliseconds, patience.silenceMilliseconds) = (50, 100, 700)
            // A door that listens but does not answer.
            let mute = try DoorFixture(below: "/mute") { _ in }
            await mute.door.close()
            let address = try mute.address
            let router = try Socket(.router, in: Context(), lingerMilliseconds: 0)
            try router.bind(address.endpoint)
            let doorClient = try mute.doorClient(.some, patience)
            #expect(doorClient.listen().refusal?.kind == .unreachable)
            doorClient.close()
            // A door that has gone.
            let other = try fixture.doorClient(.some, patience)
            #expect(soon { fixture.latest != nil })
            await fixture.door.close()
            #expect(other.listen().refusal?.kind == .unreachable)
            other.close()
            await mute.end()
            await fixture.end()
        }

        @Test func closingEndsWhatRunsAndTakesNothingMore() async throws {
            let ending = Counter()
            let fixture = try DoorFixture { doorSession in
                doorSession.onSignal {
                    ending.add(Int($0)); doorSession.end(143)
                }
            }
            let doorClient = try fixture.doorClient()
            #expect(soon { fixture.latest != nil })
            let address = try fixture.address
            #expect(address.isOpen)
            await fixture.door.close()
            #expect(ending.now == Int(SIGTERM))
            #expect(fixture.latest?.isDoorClosing == true)
            #expect(doorClient.listen().status == 143)
            #expect(!address.isOpen)
            #expect(!FileManager.default.fileExists(atPath: fixture.directory + "/door"))
            doorClient.close()
            await fixture.end()
        }

        @Test func whoComesWhenAllSeatsAreTakenWaitsForATurn() async throws {
            var patience = Door.Patience.hasty
            (patience.concurrentCommands, patience.waitMilliseconds) = (2, 300)
            let running = Counter(), most = Counter()
            let fixture = try DoorFixture(patience) { doorSession in
                running.add(1)
                most.add(max(0, running.now - most.now))
                usleep(20_000)
                running.add(-1)
                doorSession.end(0)
            }
            let doorClients = try (0..<60).map { _ in try fixture.doorClient() }
            for doorClient in doorClients {
                let received = doorClient.listen()
                #expect(received.status == 0, "\(received)")
                doorClient.close()
            }
            #expect(most.now == 2)
            await fixture.end()
        }

        @Test func whoWaitsIsToldWhyAndCanLeave() async throws {
            var patience = Door.Patience.hasty
            (patience.concurrentCommands, patience.waitMilliseconds) = (1, 300)
            let fixture = try DoorFixture(patience) { doorSession in doorSession.onSignal { doorSession.end($0) } }
            let running = try fixture.doorClient()
            #expect(soon { fixture.latest != nil })
            let waiting = try fixture.doorClient()
            guard case .errors(let text) = waiting.next() else { throw ZMQError("no word") }
            #expect(text == Array("daft: waiting: 1 commands run here already\n".utf8))
            waiting.signal(SIGTERM)
            #expect(waiting.listen().status == 128 + SIGTERM)
            waiting.close()
            // A client that vanished silently is not waited for, and does not keep its place.
            var gone: RawClient? = try fixture.rawClient()
            try gone?.send(ClientMessage.begin(.some).encoded)
            usleep(100_000)
            gone = nil
            let root = [Name.slash]
            let last = try fixture.doorClient(DoorCommand(.arguments([Array("ls".utf8)]), in: root))
            running.signal(SIGINT)
            #expect(running.listen().status == SIGINT)
            #expect(soon { fixture.latest?.command.directory == root })
            last.signal(SIGHUP)
            #expect(last.listen().status == SIGHUP)
            for doorClient in [running, last] { doorClient.close() }
            await fixture.end()
        }

        @Test func moreThanCanWaitAreTurnedAway() async throws {
            var patience = Door.Patience.hasty
            (patience.concurrentCommands, patience.queuedClients) = (1, 1)
            let fixture = try DoorFixture(patience) { doorSession in doorSession.onSignal { doorSession.end($0) } }
            let running = try fixture.doorClient()
            #expect(soon { fixture.latest != nil })
            let waiting = try fixture.doorClient()
            usleep(200_000)
            let third = try fixture.doorClient()
            #expect(third.listen().refusal?.kind == .failed)
            // Closing the door ends queued clients.
            await fixture.door.close()
            #expect(running.listen().status == SIGTERM)
            #expect(waiting.listen().refusal?.kind == .unreachable)
            for doorClient in [running, waiting, third] { doorClient.close() }
            await fixture.end()
        }

        @Test func commandsThatAreLongTogetherAreTurnedAway() async throws {
            var patience = Door.Patience.hasty
            (patience.concurrentCommands, patience.queuedBytes) = (1, 5_000)
            let fixture = try DoorFixture(patience) { doorSession in doorSession.onSignal { doorSession.end($0) } }
            let running = try fixture.doorClient()
            #expect(soon { fixture.latest != nil })
            let long = DoorCommand(.arguments([[UInt8](repeating: 120, count: 3_000)]), in: Array("/tmp".utf8))
            let waiting = try fixture.doorClient(long)
            usleep(200_000)
            let third = try fixture.doorClient(long)
            #expect(third.listen().refusal?.kind == .failed)
            waiting.signal(SIGINT)
            #expect(waiting.listen().status == 128 + SIGINT)
            for doorClient in [running, waiting, third] { doorClient.close() }
            await fixture.end()
        }
    }
}
