// Connects a rank's door to its shell: performs clients' commands and returns their output.

import DaftCommand
import DaftEngine
import DaftLink
import DaftModel
import DaftShell
import DaftZMQ

/// The service for users who can reach this rank's door.
public struct CommandService: Service {
    private let door: Door

    public init(in directory: [UInt8], group: UInt32?) throws(Failure) {
        allowManyFiles()
        door = try Door(in: directory, group: group)
    }

    public func start(at station: Station) {
        door.open { doorSession in
            station.loop.start { await perform(doorSession, at: station) }
        }
    }

    public func stop() async { await door.close() }
}

private func perform(_ doorSession: DoorSession, at station: Station) async {
    let command = doorSession.command
    let interruption = Interruption()
    doorSession.onSignal { number in
        if doorSession.isDoorClosing { interruption.takeEndOfServer() } else { interruption.take(number) }
    }
    let console = Console(command.style, interruption, to: SessionOutput(doorSession: doorSession))
    let origin = CommandOrigin(place: command.place.isEmpty ? nil : command.place)
    let clientContext = ClientContext(directory: command.directory, umask: command.umask, base: command.base)
    let shell = Shell(console, at: station, clientContext, reportsStagedDirectory: false)
    let status = await shell.perform(command.commandText, at: origin)
    // End the session first, so that no pending output waits for the client.
    doorSession.end(status)
    console.close()
}

private struct SessionOutput: Output {
    let doorSession: DoorSession

    var columns: Int? { doorSession.command.columns > 1 ? Int(doorSession.command.columns) : nil }

    func write(_ bytes: UnsafeRawBufferPointer, asErrors: Bool) -> DaftShell.WriteOutcome {
        switch doorSession.write(bytes, asErrors: asErrors) {
        case .done: .done
        case .gone: .gone
        case .stopped: .stopped
        }
    }
}
