// `!COMMAND`: runs a command of the user's shell on this node.

import DaftCommand
import DaftModel
import Glibc

enum LocalCommand {
    /// $SHELL, else /bin/sh.
    private static var shell: String {
        guard let shell = getenv("SHELL"), shell.pointee != 0 else { return "/bin/sh" }
        return String(cString: shell)
    }

    /// Starts `command`; returns its process id. With `keepsInput` it inherits standard input and stays in our process
    /// group, as terminals require; otherwise it leads a group, so that a signal reaches all its children.
    static func start(_ command: [UInt8], keepsInput: Bool) throws(Failure) -> pid_t {
        var actions = posix_spawn_file_actions_t()
        var attributes = posix_spawnattr_t()
        posix_spawn_file_actions_init(&actions)
        posix_spawnattr_init(&attributes)
        defer {
            posix_spawn_file_actions_destroy(&actions)
            posix_spawnattr_destroy(&attributes)
        }
        if !keepsInput { posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0) }
        // Reset this process's signal mask and dispositions.
        var (none, ignored) = (sigset_t(), sigset_t())
        sigemptyset(&none)
        sigemptyset(&ignored)
        sigaddset(&ignored, SIGPIPE)
        sigaddset(&ignored, SIGXFSZ)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setsigdefault(&attributes, &ignored)
        posix_spawnattr_setflags(
            &attributes,
            Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | (keepsInput ? 0 : POSIX_SPAWN_SETPGROUP)))
        let words = [Array(shell.utf8), Array("-c".utf8), command].map(copied)
        defer { for word in words { free(word) } }
        var process = pid_t()
        let code = posix_spawn(&process, shell, &actions, &attributes, words + [nil], environ)
        if code != 0 { throw Failure(.failed, shell.utf8, String(cString: strerror(code))) }
        return process
    }

    /// Waits for its end; returns its failure.
    static func finish(_ process: pid_t) -> Failure? {
        var status: Int32 = 0
        while waitpid(process, &status, 0) < 0, errno == EINTR {}
        if status & 0x7f != 0 { return Failure(.failed, [], "ended by signal \(status & 0x7f)") }
        let code = status >> 8 & 0xff
        return code == 0 ? nil : Failure(.failed, [], "exit status \(code)")
    }
}

private func copied(_ word: [UInt8]) -> UnsafeMutablePointer<CChar>? { withCString(word) { strdup($0) } }
