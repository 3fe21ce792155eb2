// draft
import DaftCore
import DaftEngine
import DaftLink
import DaftMPI
import Glibc

let process = try MPIProcess()
let world = try process.world.duplicate()
let loop = MPILoop()
let link = MPILink(world, on: loop) { _ in Int(String(cString: getenv("PIECE") ?? strdup("1048576")))! }
let base = CommandLine.arguments[1]
var settings = Settings(host: "h")
settings.expectedServers = world.size - 1
if world.rank == 0 { settings.catalogue = base + "/mds.sqlite" } else { settings.store = Array("\(base)/s\(world.rank)".utf8) }
let station = try Station(settings, link: link)
let t0 = monotonicNow()
func ms(_ t: Nanoseconds) -> Double { Double(monotonicNow() - t) / 1e6 }
@Sendable func say(_ s: String) { print(s) }
loop.start {
    do {
        let w = try await station.start()
        if station.isMetadataServer {
            say("started \(w) \(ms(t0)) ms")
            for arguments in CommandLine.arguments[2...].split(separator: ",").map(Array.init) {
                let t = monotonicNow()
                let session = Session(at: station)
                var r = Report()
                switch arguments[0] {
                case "put": r = await session.put([Array(arguments[1].utf8)])
                case "bcast": r = await session.bcast([Array(arguments[1].utf8)])
                case "get": r = await session.get([try! Name(arguments[1])], to: Array(arguments[2].utf8))
                case "sleep": await loop.sleep(milliseconds: Int(arguments[1])!)
                default: say("what?")
                }
                say("\(arguments) \(ms(t)) ms files \(r.files) bytes \(r.bytes) moved \(r.moved) \(r.failures)")
            }
            link.endAll()
            await loop.sleep(milliseconds: 50)
            loop.stop()
        }
    } catch { say("rank \(world.rank): \(error)"); link.endAll(); loop.stop() }
}
link.onEnd { loop.stop() }
loop.run()
station.close()
try process.finalize()
