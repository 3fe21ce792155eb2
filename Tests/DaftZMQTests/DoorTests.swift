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
            let doorstep = try Doorstep { doorSession in
                _ = doorSession.write(Array("out ".utf8) + (doorSession.command.wording.encoded))
                _ = doorSession.write(Array("oops".utf8), asErrors: true)
                doorSession.end(7)
            }
            let doorClient = try doorstep.doorClient()
            let told = doorClient.listen()
            #expect(told.output == Array("out ".utf8) + DoorCommand.some.wording.encoded)
            #expect(told.errors == Array("oops".utf8))
            #expect(told.status == 7)
            doorClient.close()
            await doorstep.end()
        }

        @Test func muchOutputArrivesWholeAndInOrder() async throws {
            let bytes = (0..<5_000_000).map { UInt8(truncatingIfNeeded: $0 &* 31 >> 3) }
            let doorstep = try Doorstep { doorSession in
                for start in stride(from: 0, to: bytes.count, by: 77_777) {
                    _ = doorSession.write(Array(bytes[start..<min(bytes.count, start + 77_777)]))
                }
                doorSession.end(0)
            }
            let knocks = try (0..<4).map { _ in try doorstep.doorClient() }
            for doorClient in knocks {
                let told = doorClient.listen()
                // Not the arrays themselves: their difference would be worked out for minutes.
                let isWhole = told.output == bytes
                #expect(isWhole, "\(told.output.count) bytes, \(String(describing: told.refusal))")
            }
            for doorClient in knocks { doorClient.close() }
            await doorstep.end()
        }

        @Test(arguments: [1, 100_000]) func whoDoesNotReadHoldsTheWriterBack(pieceBytes: Int) async throws {
            let written = Counter()
            let whole = pieceBytes + ClientMessage.pieceOverheadBytes
            let pieces = 4 * ClientMessage.firstRoomBytes / whole
            let doorstep = try Doorstep { doorSession in
                for _ in 0..<pieces {
                    _ = doorSession.write([UInt8](repeating: 1, count: pieceBytes))
                    written.add(pieceBytes)
                }
                doorSession.end(0)
            }
            let doorClient = try doorstep.doorClient()
            #expect(soon { written.now > 0 })
            usleep(300_000)
            let early = written.now
            #expect(early > 0 && early <= ClientMessage.firstRoomBytes * pieceBytes / whole)
            #expect(doorClient.listen().output.count == pieces * pieceBytes)
            doorClient.close()
            await doorstep.end()
        }

        @Test func aSignalReachesTheCommandAndFreesABlockedWriter() async throws {
            let ending = Counter()
            let doorstep = try Doorstep { doorSession in
                doorSession.onSignal { ending.add(Int($0)) }
                var last = DoorSession.Written.done
                while case .done = last { last = doorSession.write([UInt8](repeating: 1, count: 100_000)) }
                doorSession.end(last == .stopped ? 130 : 1)
            }
            let doorClient = try doorstep.doorClient()
            usleep(100_000)
            doorClient.signal(SIGINT)
            #expect(soon { ending.now == Int(SIGINT) })
            #expect(doorClient.listen().status == 130)
            #expect(doorstep.latest?.isDoorClosing == false)
            doorClient.close()
            await doorstep.end()
        }

        @Test func whoHasEnoughOfTheOutputStillHearsTheErrors() async throws {
            let doorstep = try Doorstep { doorSession in
                var last = DoorSession.Written.done
                while case .done = last { last = doorSession.write(Array("line".utf8)) }
                _ = doorSession.write(Array("end".utf8), asErrors: true)
                doorSession.end(last == .gone ? 0 : 1)
            }
            let doorClient = try doorstep.doorClient()
            doorClient.deafen()
            let told = doorClient.listen()
            #expect(told.status == 0)
            #expect(told.errors == Array("end".utf8))
            doorClient.close()
            await doorstep.end()
        }

        @Test func aClientThatVanishesHasItsCommandEnded() async throws {
            let ending = Counter()
            let ended = Counter()
            let doorstep = try Doorstep { doorSession in
                doorSession.onSignal { ending.add(Int($0)) }
                while case .done = doorSession.write([UInt8](repeating: 1, count: 100_000)) {}
                doorSession.end(1)
                ended.add(1)
            }
            let doorClient = try doorstep.doorClient()
            #expect(soon { doorstep.latest != nil })
            doorClient.close()
            #expect(soon { ended.now == 1 })
            #expect(ending.now == Int(SIGHUP))
            await doorstep.end()
        }

        @Test func aClientThatFallsSilentHasItsCommandEnded() async throws {
            let ending = Counter()
            let doorstep = try Doorstep { doorSession in
                doorSession.onSignal {
                    ending.add(Int($0)); doorSession.end(1)
                }
            }
            let stranger = try doorstep.stranger()
            try stranger.say(ClientMessage.begin(.some).encoded)
            #expect(soon { doorstep.latest != nil })
            usleep(1_000_000)
            #expect(ending.now == 0)
            #expect(soon { ending.now == Int(SIGHUP) })
            #expect(try soon { try stranger.refusal()?.kind == .stopped })
            await doorstep.end()
        }

        @Test func aDoorThatDiesOrFallsSilentIsGivenUp() async throws {
            let doorstep = try Doorstep { _ in }
            var patience = DoorClient.Patience()
            (patience.beatMilliseconds, patience.doubtMilliseconds, patience.silenceMilliseconds) = (50, 100, 700)
            // A door that listens but does not answer.
            let mute = try Doorstep(below: "/mute") { _ in }
            await mute.door.close()
            let place = try mute.place
            let router = try Socket(.router, in: Context(), lingerMilliseconds: 0)
            try router.bind(place.endpoint)
            let doorClient = try mute.doorClient(.some, patience)
            #expect(doorClient.listen().refusal?.kind == .unreachable)
            doorClient.close()
            // A door that has gone.
            let other = try doorstep.doorClient(.some, patience)
            #expect(soon { doorstep.latest != nil })
            await doorstep.door.close()
            #expect(other.listen().refusal?.kind == .unreachable)
            other.close()
            await mute.end()
            await doorstep.end()
        }

        @Test func closingEndsWhatRunsAndTakesNothingMore() async throws {
            let ending = Counter()
            let doorstep = try Doorstep { doorSession in
                doorSession.onSignal {
                    ending.add(Int($0)); doorSession.end(143)
                }
            }
            let doorClient = try doorstep.doorClient()
            #expect(soon { doorstep.latest != nil })
            #expect(try doorstep.place.isOpen)
            await doorstep.door.close()
            #expect(ending.now == Int(SIGTERM))
            #expect(doorstep.latest?.isDoorClosing == true)
            #expect(doorClient.listen().status == 143)
            #expect(try !doorstep.place.isOpen)
            #expect(!FileManager.default.fileExists(atPath: doorstep.directory + "/door"))
            doorClient.close()
            await doorstep.end()
        }

        @Test func whoComesWhenAllSeatsAreTakenWaitsForATurn() async throws {
            var patience = Door.Patience.hasty
            (patience.guests, patience.waitMilliseconds) = (2, 300)
            let running = Counter(), most = Counter()
            let doorstep = try Doorstep(patience) { doorSession in
                running.add(1)
                most.add(max(0, running.now - most.now))
                usleep(20_000)
                running.add(-1)
                doorSession.end(0)
            }
            let knocks = try (0..<60).map { _ in try doorstep.doorClient() }
            for doorClient in knocks {
                let told = doorClient.listen()
                #expect(told.status == 0, "\(told)")
                doorClient.close()
            }
            #expect(most.now == 2)
            await doorstep.end()
        }

        @Test func whoWaitsIsToldWhyAndCanLeave() async throws {
            var patience = Door.Patience.hasty
            (patience.guests, patience.waitMilliseconds) = (1, 300)
            let doorstep = try Doorstep(patience) { doorSession in doorSession.onSignal { doorSession.end($0) } }
            let seated = try doorstep.doorClient()
            #expect(soon { doorstep.latest != nil })
            let waiting = try doorstep.doorClient()
            guard case .errors(let text) = waiting.next() else { throw ZMQError("no word") }
            #expect(text == Array("daft: waiting: 1 commands run here already\n".utf8))
            waiting.signal(SIGTERM)
            #expect(waiting.listen().status == 128 + SIGTERM)
            waiting.close()
            // A client that vanished silently is not waited for, and does not keep its place.
            var gone: Stranger? = try doorstep.stranger()
            try gone?.say(ClientMessage.begin(.some).encoded)
            usleep(100_000)
            gone = nil
            let root = [Name.slash]
            let last = try doorstep.doorClient(DoorCommand(.arguments([Array("ls".utf8)]), in: root))
            seated.signal(SIGINT)
            #expect(seated.listen().status == SIGINT)
            #expect(soon { doorstep.latest?.command.directory == root })
            last.signal(SIGHUP)
            #expect(last.listen().status == SIGHUP)
            for doorClient in [seated, last] { doorClient.close() }
            await doorstep.end()
        }

        @Test func moreThanCanWaitAreTurnedAway() async throws {
            var patience = Door.Patience.hasty
            (patience.guests, patience.waiting) = (1, 1)
            let doorstep = try Doorstep(patience) { doorSession in doorSession.onSignal { doorSession.end($0) } }
            let seated = try doorstep.doorClient()
            #expect(soon { doorstep.latest != nil })
            let waiting = try doorstep.doorClient()
            usleep(200_000)
            let third = try doorstep.doorClient()
            #expect(third.listen().refusal?.kind == .failed)
            // Closing the door ends queued clients.
            await doorstep.door.close()
            #expect(seated.listen().status == SIGTERM)
            #expect(waiting.listen().refusal?.kind == .unreachable)
            for doorClient in [seated, waiting, third] { doorClient.close() }
            await doorstep.end()
        }

        @Test func commandsThatAreLongTogetherAreTurnedAway() async throws {
            var patience = Door.Patience.hasty
            (patience.guests, patience.waitingBytes) = (1, 5_000)
            let doorstep = try Doorstep(patience) { doorSession in doorSession.onSignal { doorSession.end($0) } }
            let seated = try doorstep.doorClient()
            #expect(soon { doorstep.latest != nil })
            let long = DoorCommand(.arguments([[UInt8](repeating: 120, count: 3_000)]), in: Array("/tmp".utf8))
            let waiting = try doorstep.doorClient(long)
            usleep(200_000)
            let third = try doorstep.doorClient(long)
            #expect(third.listen().refusal?.kind == .failed)
            waiting.signal(SIGINT)
            #expect(waiting.listen().status == 128 + SIGINT)
            for doorClient in [seated, waiting, third] { doorClient.close() }
            await doorstep.end()
        }
    }
}
