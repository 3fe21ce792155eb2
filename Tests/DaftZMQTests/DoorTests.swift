// A door and its clients in one process: what is said arrives, nobody grows, and whoever goes leaves nothing behind.

import DaftCore
import DaftLink
import Foundation
import Glibc
import Synchronization
import Testing

@testable import DaftZMQ

extension AtTheDoor {
    @Suite struct DoorTests {
        @Test func aCommandGoesInAndWhatItPrintsComesOut() async throws {
            let doorstep = try Doorstep { guest in
                _ = guest.write(Array("out ".utf8) + (guest.command.wording.encoded))
                _ = guest.write(Array("oops".utf8), asErrors: true)
                guest.end(7)
            }
            let knock = try doorstep.knock()
            let told = knock.listen()
            #expect(told.output == Array("out ".utf8) + DoorCommand.some.wording.encoded)
            #expect(told.errors == Array("oops".utf8))
            #expect(told.status == 7)
            knock.close()
            await doorstep.end()
        }

        @Test func muchOutputArrivesWholeAndInOrder() async throws {
            let bytes = (0..<5_000_000).map { UInt8(truncatingIfNeeded: $0 &* 31 >> 3) }
            let doorstep = try Doorstep { guest in
                for start in stride(from: 0, to: bytes.count, by: 77_777) {
                    _ = guest.write(Array(bytes[start..<min(bytes.count, start + 77_777)]))
                }
                guest.end(0)
            }
            let knocks = try (0..<4).map { _ in try doorstep.knock() }
            for knock in knocks { #expect(knock.listen().output == bytes) }
            for knock in knocks { knock.close() }
            await doorstep.end()
        }

        @Test(arguments: [1, 100_000]) func whoDoesNotReadHoldsTheWriterBack(pieceBytes: Int) async throws {
            let written = Counter()
            let whole = pieceBytes + ClientMessage.pieceOverheadBytes
            let pieces = 4 * ClientMessage.firstRoomBytes / whole
            let doorstep = try Doorstep { guest in
                for _ in 0..<pieces {
                    _ = guest.write([UInt8](repeating: 1, count: pieceBytes))
                    written.add(pieceBytes)
                }
                guest.end(0)
            }
            let knock = try doorstep.knock()
            #expect(soon { written.now > 0 })
            usleep(300_000)
            let early = written.now
            #expect(early > 0 && early <= ClientMessage.firstRoomBytes * pieceBytes / whole)
            #expect(knock.listen().output.count == pieces * pieceBytes)
            knock.close()
            await doorstep.end()
        }

        @Test func aSignalReachesTheCommandAndFreesABlockedWriter() async throws {
            let ending = Counter()
            let doorstep = try Doorstep { guest in
                guest.onSignal { ending.add(Int($0)) }
                var last = Guest.Written.done
                while case .done = last { last = guest.write([UInt8](repeating: 1, count: 100_000)) }
                guest.end(last == .stopped ? 130 : 1)
            }
            let knock = try doorstep.knock()
            usleep(100_000)
            knock.signal(SIGINT)
            #expect(soon { ending.now == Int(SIGINT) })
            #expect(knock.listen().status == 130)
            #expect(doorstep.latest?.isDoorClosing == false)
            knock.close()
            await doorstep.end()
        }

        @Test func whoHasEnoughOfTheOutputStillHearsTheErrors() async throws {
            let doorstep = try Doorstep { guest in
                var last = Guest.Written.done
                while case .done = last { last = guest.write(Array("line".utf8)) }
                _ = guest.write(Array("end".utf8), asErrors: true)
                guest.end(last == .gone ? 0 : 1)
            }
            let knock = try doorstep.knock()
            knock.deafen()
            let told = knock.listen()
            #expect(told.status == 0)
            #expect(told.errors == Array("end".utf8))
            knock.close()
            await doorstep.end()
        }

        @Test func aClientThatVanishesHasItsCommandEnded() async throws {
            let ending = Counter()
            let ended = Counter()
            let doorstep = try Doorstep { guest in
                guest.onSignal { ending.add(Int($0)) }
                while case .done = guest.write([UInt8](repeating: 1, count: 100_000)) {}
                guest.end(1)
                ended.add(1)
            }
            let knock = try doorstep.knock()
            #expect(soon { doorstep.latest != nil })
            knock.close()
            #expect(soon { ended.now == 1 })
            #expect(ending.now == Int(SIGHUP))
            await doorstep.end()
        }

        @Test func aClientThatFallsSilentHasItsCommandEnded() async throws {
            let ending = Counter()
            let doorstep = try Doorstep { guest in
                guest.onSignal {
                    ending.add(Int($0)); guest.end(1)
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
            var patience = Knock.Patience()
            (patience.beatMilliseconds, patience.doubtMilliseconds, patience.silenceMilliseconds) = (50, 100, 700)
            // One that listens and says nothing.
            let mute = try Doorstep(below: "/mute") { _ in }
            await mute.door.close()
            let place = try mute.place
            let router = try Socket(.router, in: Context(), lingerMilliseconds: 0)
            try router.bind(place.endpoint)
            let knock = try mute.knock(.some, patience)
            #expect(knock.listen().refusal?.kind == .unreachable)
            knock.close()
            // One that is not there any more.
            let other = try doorstep.knock(.some, patience)
            #expect(soon { doorstep.latest != nil })
            await doorstep.door.close()
            #expect(other.listen().refusal?.kind == .unreachable)
            other.close()
            await mute.end()
            await doorstep.end()
        }

        @Test func closingEndsWhatRunsAndTakesNothingMore() async throws {
            let ending = Counter()
            let doorstep = try Doorstep { guest in
                guest.onSignal {
                    ending.add(Int($0)); guest.end(143)
                }
            }
            let knock = try doorstep.knock()
            #expect(soon { doorstep.latest != nil })
            #expect(try doorstep.place.isOpen)
            await doorstep.door.close()
            #expect(ending.now == Int(SIGTERM))
            #expect(doorstep.latest?.isDoorClosing == true)
            #expect(knock.listen().status == 143)
            #expect(try !doorstep.place.isOpen)
            #expect(!FileManager.default.fileExists(atPath: doorstep.directory + "/door"))
            knock.close()
            await doorstep.end()
        }

        @Test func whoComesWhenAllSeatsAreTakenWaitsForATurn() async throws {
            var patience = Door.Patience.hasty
            (patience.guests, patience.waitMilliseconds) = (2, 300)
            let running = Counter(), most = Counter()
            let doorstep = try Doorstep(patience) { guest in
                running.add(1)
                most.add(max(0, running.now - most.now))
                usleep(20_000)
                running.add(-1)
                guest.end(0)
            }
            let knocks = try (0..<60).map { _ in try doorstep.knock() }
            for knock in knocks {
                let told = knock.listen()
                #expect(told.status == 0, "\(told)")
                knock.close()
            }
            #expect(most.now == 2)
            await doorstep.end()
        }

        @Test func whoWaitsIsToldWhyAndCanLeave() async throws {
            var patience = Door.Patience.hasty
            (patience.guests, patience.waitMilliseconds) = (1, 300)
            let doorstep = try Doorstep(patience) { guest in guest.onSignal { guest.end($0) } }
            let seated = try doorstep.knock()
            #expect(soon { doorstep.latest != nil })
            let waiting = try doorstep.knock()
            guard case .errors(let text) = waiting.next() else { throw ZMQError("no word") }
            #expect(text == Array("daft: waiting: 1 commands run here already\n".utf8))
            waiting.signal(SIGTERM)
            #expect(waiting.listen().status == 128 + SIGTERM)
            waiting.close()
            // One who has left without a word is not waited for, nor is its turn taken.
            var gone: Stranger? = try doorstep.stranger()
            try gone?.say(ClientMessage.begin(.some).encoded)
            usleep(100_000)
            gone = nil
            let root = [Name.slash]
            let last = try doorstep.knock(DoorCommand(.arguments([Array("ls".utf8)]), in: root))
            seated.signal(SIGINT)
            #expect(seated.listen().status == SIGINT)
            #expect(soon { doorstep.latest?.command.directory == root })
            last.signal(SIGHUP)
            #expect(last.listen().status == SIGHUP)
            for knock in [seated, last] { knock.close() }
            await doorstep.end()
        }

        @Test func moreThanCanWaitAreTurnedAway() async throws {
            var patience = Door.Patience.hasty
            (patience.guests, patience.waiting) = (1, 1)
            let doorstep = try Doorstep(patience) { guest in guest.onSignal { guest.end($0) } }
            let seated = try doorstep.knock()
            #expect(soon { doorstep.latest != nil })
            let waiting = try doorstep.knock()
            usleep(200_000)
            let third = try doorstep.knock()
            #expect(third.listen().refusal?.kind == .failed)
            // When the door is closed, who waits need not wait any more.
            await doorstep.door.close()
            #expect(seated.listen().status == SIGTERM)
            #expect(waiting.listen().refusal?.kind == .unreachable)
            for knock in [seated, waiting, third] { knock.close() }
            await doorstep.end()
        }

        @Test func commandsThatAreLongTogetherAreTurnedAway() async throws {
            var patience = Door.Patience.hasty
            (patience.guests, patience.waitingBytes) = (1, 5_000)
            let doorstep = try Doorstep(patience) { guest in guest.onSignal { guest.end($0) } }
            let seated = try doorstep.knock()
            #expect(soon { doorstep.latest != nil })
            let long = DoorCommand(.arguments([[UInt8](repeating: 120, count: 3_000)]), in: Array("/tmp".utf8))
            let waiting = try doorstep.knock(long)
            usleep(200_000)
            let third = try doorstep.knock(long)
            #expect(third.listen().refusal?.kind == .failed)
            waiting.signal(SIGINT)
            #expect(waiting.listen().status == 128 + SIGINT)
            for knock in [seated, waiting, third] { knock.close() }
            await doorstep.end()
        }
    }
}
