// Performs each command at a door found anew, since the system may be replaced between two commands.

import DaftCommand
import DaftEngine
import DaftModel
import DaftShell
import DaftZMQ
import Glibc

let clientProgram = Program(.client)

struct DoorPerformer: Performer {
    private let options: Options
    private let console: Console

    init(_ invocation: Invocation) {
        options = invocation.options
        console = invocation.console
    }

    func perform(_ command: Command, _ commandText: CommandText, at origin: CommandOrigin, in base: Name) async -> Int32
    {
        do throws(Failure) {
            if case .wait(let seconds) = command {
                try await search.wait(seconds: seconds)
                return 0
            }
            let door = try await search.door()
            let reportsEnd = command == .quit && !console.style.quiet && !console.style.json
            let members = reportsEnd ? listedNodes(at: door) : []
            let commandText = command.readsInput ? try commandText.readingInput() : commandText
            var doorCommand = DoorCommand(commandText, in: try workingDirectory(), umask: ClientContext.ownUmask)
            doorCommand.base = base
            doorCommand.place = origin.place ?? ""
            doorCommand.style = console.style
            doorCommand.columns = UInt16(clamping: console.columns ?? 0)
            let doorClient = DoorClient(at: door, doorCommand)
            let status = await console.interruption.cancelling({ doorClient.signal($0) }) {
                await console.run { [console] in relay(doorClient, to: console) }
            }
            doorClient.close()
            if reportsEnd, try status.get() == 0 {
                await console.mention("the system ends: \(shown(members)); what is kept stays on the disks")
            }
            return try status.get()
        } catch {
            if let signalled = console.interruption.exitStatus { return signalled }
            await console.show(error, of: command, at: origin)
            return error.exitStatus
        }
    }

    private var search: DoorSearch { DoorSearch(options, console) }

    func entries(in name: Name, atMost limit: Int) throws(Failure) -> [CompletionEntry]? {
        // Without a system the next command reports that.
        guard let door = try search.found else { return [] }
        return try listed(name, atMost: limit, at: door)
    }

    var isClient: Bool { true }

    func questionBeforeQuit() async -> String? {
        // Without a door, quit does not ask, and reports the error itself.
        guard let door = try? search.found else { return nil }
        return "this ends the system on all nodes: \(shown(listedNodes(at: door))); really? [y/N] "
    }
}

/// What `ls -l` lists below a name; nil if it is no directory.
private func listed(_ name: Name, atMost limit: Int, at door: DoorAddress) throws(Failure) -> [CompletionEntry]? {
    var question = DoorCommand(.arguments([Array("ls".utf8), Array("-l".utf8), name.bytes]), in: [Name.slash])
    question.style.quiet = true
    let doorClient = DoorClient(at: door, question)
    defer { doorClient.close() }
    var text: [UInt8] = []
    var lines = 0
    while lines <= limit {
        switch doorClient.next() {
        case .output(let bytes):
            text += bytes
            lines += bytes.count { $0 == 0x0a }
            continue
        case .errors: continue
        case .end(let status): if status != 0 { return nil }
        case .refused(let failure): throw failure
        }
        break
    }
    var entries: [CompletionEntry] = []
    for line in text.split(separator: 0x0a) {
        // Other lines are not entries.
        guard let start = line.firstIndex(of: Name.slash), let typed = try? DaftCommand.words(of: line[start...]).first,
            let found = try? Name(typed.bytes)
        else { continue }
        // A file lists itself.
        if found == name { return nil }
        entries.append(CompletionEntry(name: found, isDirectory: line.first == UInt8(ascii: "d")))
    }
    return entries
}

extension CommandText {
    /// Replaces `-` with a /proc path: the data server on this node opens this process's standard input by it.
    fileprivate func readingInput() throws(Failure) -> CommandText {
        guard case .arguments(let words) = self else {
            throw Failure(.usage, "-".utf8, "standard input is where the commands come from: `daft put - --as NAME`")
        }
        let input = Array("/proc/\(getpid())/fd/0".utf8)
        let assigned = Array("--files-from=".utf8)
        return .arguments(
            words.map { word in
                if word.elementsEqual("-".utf8) { return input }
                return word == assigned + [UInt8(ascii: "-")] ? assigned + input : word
            })
    }
}

/// The nodes of the data servers present; empty if the system does not answer.
private func listedNodes(at door: DoorAddress) -> [String] {
    let question = DoorCommand(.arguments([Array("ls".utf8), Array("-n".utf8)]), in: [Name.slash])
    let doorClient = DoorClient(at: door, question)
    defer { doorClient.close() }
    var text: [UInt8] = []
    while true {
        switch doorClient.next() {
        case .output(let bytes): text += bytes
        case .errors: continue
        case .end, .refused:
            let rows = String(decoding: text, as: UTF8.self).split(separator: "\n").map { $0.split(separator: " ") }
            return rows.filter { $0.count > 2 && $0[2] == "alive" }.map { String($0[1]) }
        }
    }
}

/// `3 data servers on n1 n2 n3`; only the number if there are many.
private func shown(_ nodes: [String]) -> String {
    if nodes.isEmpty { return "its data servers" }
    let hosts = Set(nodes).sorted()
    let nodesText = hosts.count > 4 ? "" : " on " + hosts.joined(separator: " ")
    return "\(nodes.count) data server\(nodes.count == 1 ? "" : "s")\(nodesText)"
}

/// Prints output until the command ends; returns its exit status. Blocks.
private func relay(_ doorClient: DoorClient, to console: Console) -> Result<Int32, Failure> {
    var trouble: Failure?
    while true {
        switch doorClient.next() {
        case .output(let bytes):
            switch console.relay(bytes, asErrors: false) {
            case .done, .stopped: break
            case .gone: doorClient.closeOutput()
            case .failed(let code):
                if trouble == nil {
                    trouble = Failure(.failed, [], "standard output: \(String(cString: strerror(code)))")
                }
                doorClient.closeOutput()
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
