// Executes commands: those that move data here, listings in Listings.swift and StatAndTree.swift.

import DaftCommand
import DaftEngine
import DaftModel
import DaftPlan
import DaftWire

extension Shell {
    func carryOut(_ command: Command, _ session: Session) async -> Report {
        switch command {
        case .put(let sources, let host, let name, let copies, let options):
            await session.put(sources, at: host, as: name, copies: copies, with: options, preview: preview(options))
        case .diffuse(let sources, let name, let copies, let options):
            await session.diffuse(sources, as: name, copies: copies, with: options, preview: preview(options))
        case .bcast(let things, let name, let isShared, let options):
            await session.bcast(things, as: name, shared: isShared, with: options, preview: preview(options))
        case .fetch(let names, let host, _): await session.fetch(names, at: host)
        case .get(let names, let path, _): await session.get(names, to: path)
        case .gather(let paths, let directory, let name, let isMerged, _):
            await session.gather(paths, to: directory, as: name, merging: isMerged)
        case .sbcast(let source, let destination, let isForced, let isPreserving, _):
            await session.sbcast(source, to: destination, forced: isForced, preserving: isPreserving)
        case .cat(let name): await cat(name, session)
        case .ls(let names, .nodes, let human): await nodes(names, human: human, session)
        case .ls(let names, let listing, let human): await list(names, listing, human: human, session)
        case .stat(let name): await stat(name, session)
        case .tree(let name): await tree(name, session)
        case .verify(let names): await verify(names, session)
        case .repair: await session.repair()
        case .leave(let host): await session.leave(host)
        case .status(nil): await status(session)
        case .status(let seconds?): await watch(everySeconds: seconds, session)
        case .quit: await session.quit()
        // The performer exists, so there is nothing to do.
        case .wait, .exit, .cd, .pwd, .help, .shell, .nothing: Report()
        }
    }

    /// Prints what would be published.
    private func preview(_ options: StagingOptions) -> Preview? {
        guard options.dryRun else { return nil }
        return { [self] names in
            let style = console.style
            await page(names.map { style.json ? jsonRow($0) : line($0, style) }.joined())
        }
    }

    private func line(_ file: PreviewedEntry, _ style: OutputStyle) -> String {
        file.size.map { "\(file.name)  \(style.amount($0))\n" } ?? "\(file.name)\n"
    }

    private func cat(_ name: Name, _ session: Session) async -> Report {
        await session.cat(name) { [console] (bytes) async throws(Failure) in
            if await !console.writeOutput(bytes) { throw Failure(.stopped, name, "standard output takes no more") }
        }
    }

    private func verify(_ names: [Name], _ session: Session) async -> Report {
        let (report, verified) = await session.verify(names)
        for (server, one) in verified.sorted(by: { $0.server < $1.server }) {
            let line =
                console.style.json
                ? jsonLine(
                    "verify",
                    [
                        "node": .text(server), "contents": .number(one.contents), "bytes": .number(one.bytes),
                        "corrupt": .number(one.corrupt), "repaired": .number(one.repaired),
                    ])
                : "\(server): \(counted(one.contents, "content")), \(console.style.amount(one.bytes)) read, "
                    + "\(counted(one.corrupt, "corrupt chunk")), \(one.repaired) repaired\n"
            await console.put(line)
        }
        return report
    }

    /// Runs a listing; returns a report of how it ended.
    func showing(_ body: () async throws(Failure) -> Void) async -> Report {
        do throws(Failure) {
            try await body()
            return Report()
        } catch {
            return .failed(error)
        }
    }

    /// Prints a page; cancels the listing if nobody reads it.
    func page(_ text: String) async {
        if await !console.put(text) { withUnsafeCurrentTask { $0?.cancel() } }
    }
}
