// What a client brings to this rank's door is performed by the shell, and what it prints goes to the client.

import DaftCore
import DaftEngine
import DaftLink
import DaftShell
import DaftZMQ

extension Door {
    public func open(to station: Station) {
        open { guest in
            station.loop.start { await perform(guest, at: station) }
        }
    }
}

private func perform(_ guest: Guest, at station: Station) async {
    let command = guest.command
    let interruption = Interruption()
    guest.onSignal { number in
        if guest.isDoorClosing { interruption.takeEndOfServer() } else { interruption.take(number) }
    }
    let console = Console(command.look, interruption, to: GuestFiles(guest: guest))
    let origin = Origin(place: command.place.isEmpty ? nil : command.place)
    let standpoint = Standpoint(directory: command.directory, umask: command.umask, base: command.base)
    let shell = Shell(console, at: station, standpoint, tellingWhereItStays: false)
    let status = await shell.perform(command.wording, at: origin)
    // Ended first, so that nothing the console still prints can wait for the client.
    guest.end(status)
    console.close()
}

private struct GuestFiles: Output {
    let guest: Guest

    var columns: Int? { guest.command.columns > 1 ? Int(guest.command.columns) : nil }

    func write(_ bytes: UnsafeRawBufferPointer, asErrors: Bool) -> DaftShell.Written {
        switch guest.write(bytes, asErrors: asErrors) {
        case .done: .done
        case .gone: .gone
        case .stopped: .stopped
        }
    }
}
