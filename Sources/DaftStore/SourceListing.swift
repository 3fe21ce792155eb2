// The sorted names of one directory, zero-terminated in one buffer, so that a hundred thousand names need no allocation
// each.

import Glibc

struct SourceListing {
    private var memory: [CChar] = []
    private var starts: [Int] = []

    init(of directory: Descriptor) throws(SystemError) {
        // closedir closes its descriptor, and the walk still needs its own.
        let own = try system("dup") { fcntl(directory.number, F_DUPFD_CLOEXEC, 0) }
        guard let stream = fdopendir(own) else {
            let code = errno
            close(own)
            throw SystemError(code: code, call: "opendir")
        }
        defer { closedir(stream) }
        while true {
            errno = 0
            guard let entry = readdir(stream) else { break }
            let name = UnsafeRawPointer(entry).advanced(by: nameOffset).assumingMemoryBound(to: CChar.self)
            if strcmp(name, ".") != 0, strcmp(name, "..") != 0 { append(name) }
        }
        if errno != 0 { throw SystemError(code: errno, call: "readdir") }
        memory.withUnsafeBufferPointer { names in
            starts.sort { strcmp(names.baseAddress! + $0, names.baseAddress! + $1) < 0 }
        }
    }

    var count: Int { starts.count }

    /// Passes a name to `body` as a C string and as bytes.
    func withName<T, E: Error>(
        _ index: Int, _ body: (UnsafePointer<CChar>, UnsafeRawBufferPointer) throws(E) -> T
    ) throws(E) -> T {
        try memory.withUnsafeBufferPointer { (names) throws(E) in
            let name = names.baseAddress! + starts[index]
            return try body(name, UnsafeRawBufferPointer(start: name, count: strlen(name)))
        }
    }

    private mutating func append(_ name: UnsafePointer<CChar>) {
        starts.append(memory.count)
        memory.append(contentsOf: UnsafeBufferPointer(start: name, count: strlen(name) + 1))
    }
}

private let nameOffset = MemoryLayout<dirent>.offset(of: \.d_name)!
