// The user's terminal behind mpirun, which forwards input and output but not the terminal itself. On mpirun's node,
// rank 0 examines mpirun's own standard files instead.

import Glibc

enum UserTerminal {
    /// Whether commands on standard input are typed.
    static var isTyped: Bool { isatty(STDIN_FILENO) == 1 || ofMPIRun(STDIN_FILENO) != nil }

    /// Whether results go to a terminal.
    static var showsResults: Bool {
        isOfMPIRun ? ofMPIRun(STDOUT_FILENO) != nil : isatty(STDOUT_FILENO) == 1
    }

    /// The terminal's width, if messages go to it.
    static var columns: Int? {
        if isatty(STDERR_FILENO) == 1 { return columns(of: STDERR_FILENO) }
        guard let path = ofMPIRun(STDERR_FILENO) else { return nil }
        let file = open(path, O_RDONLY | O_NOCTTY | O_CLOEXEC)
        guard file >= 0 else { return nil }
        defer { close(file) }
        return columns(of: file)
    }

    private static func columns(of file: Int32) -> Int {
        var size = winsize()
        guard ioctl(file, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 1 else { return 80 }
        return Int(size.ws_col)
    }

    private static var isOfMPIRun: Bool { getenv("OMPI_COMM_WORLD_RANK") != nil }

    /// The terminal that mpirun has at this descriptor.
    private static func ofMPIRun(_ file: Int32) -> String? {
        guard isOfMPIRun else { return nil }
        var target = [CChar](repeating: 0, count: 256)
        guard readlink("/proc/\(getppid())/fd/\(file)", &target, target.count - 1) > 0 else { return nil }
        let path = String(decoding: target.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
        return path.hasPrefix("/dev/pts/") || path.hasPrefix("/dev/tty") ? path : nil
    }
}
