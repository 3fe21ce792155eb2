// Each command is brought to a door of its own choice: a system may end and another begin between two of them.

import DaftCore
import DaftShell
import DaftZMQ
import Glibc

let clientProgram = Program(.client)

struct Visitor: Performer {
    /// Data servers that one node may have, at most, to look for.
    private static let places = 64

    private let options: Options
    private let console: Console

    init(_ invocation: Invocation) {
        options = invocation.options
        console = invocation.console
    }

    func perform(_ command: Command, _ wording: Wording, at origin: Origin) async -> Int32 {
        do throws(Failure) {
            var brought = DoorCommand(wording, in: try workingDirectory())
            brought.place = origin.place ?? ""
            brought.look = console.look
            brought.columns = UInt16(clamping: console.columns ?? 0)
            let knock = try Knock(at: try door(), brought)
            let status = await console.interruption.cancelling({ knock.signal($0) }) {
                await console.run { [console] in relay(knock, to: console) }
            }
            knock.close()
            return try status.get()
        } catch {
            await console.tell(error, of: command, at: origin)
            return error.exitStatus
        }
    }

    /// The door of the first data server of this node that has one, or rank 0's.
    private func door() throws(Failure) -> DoorPlace {
        let directories = (0..<Visitor.places).map { options.doorDirectory(place: $0) } + [options.catalogueDirectory]
        for directory in directories {
            if let place = try? DoorPlace(in: directory), place.isOpen { return place }
        }
        throw Failure(
            .unreachable, options.storeDirectory,
            "no daft runs with this store on this node: `daft start HOSTFILE` starts one, or `mpirun -np 2 daft-run "
                + "serve`, or say with --store where its store is")
    }
}

/// Prints what comes until the command is over; its exit status. Blocks.
private func relay(_ knock: Knock, to console: Console) -> Result<Int32, Failure> {
    var trouble: Failure?
    while true {
        switch knock.next() {
        case .output(let bytes):
            switch console.relay(bytes, asErrors: false) {
            case .done, .stopped: break
            case .gone: knock.deafen()
            case .failed(let code):
                if trouble == nil {
                    trouble = Failure(.failed, [], "standard output: \(String(cString: strerror(code)))")
                }
                knock.deafen()
            }
        case .errors(let bytes): _ = console.relay(bytes, asErrors: true)
        case .end(let status):
            if status == 0, let trouble { return .failure(trouble) }
            return .success(status)
        case .refused(let failure): return .failure(failure)
        }
    }
}

private func workingDirectory() throws(Failure) -> [UInt8] {
    guard let path = getcwd(nil, 0) else { throw Failure(.failed, [], "the working directory is gone") }
    defer { free(path) }
    return UnsafeBufferPointer(start: path, count: strlen(path)).map { UInt8(bitPattern: $0) }
}
