// Bounds a decoder's memory by the size of its input.

private typealias MallocHook = @convention(c) (UnsafeRawPointer?, Int) -> Void
private typealias FreeHook = @convention(c) (UnsafeRawPointer?) -> Void

@_silgen_name("__sanitizer_install_malloc_and_free_hooks")
private func installHooks(_ malloc: MallocHook, _ free: FreeHook) -> CInt

@_silgen_name("__sanitizer_get_allocated_size")
private func allocatedSize(_ memory: UnsafeRawPointer?) -> Int

/// Bytes allocated and not yet freed, and their maximum.
nonisolated(unsafe) private var live = 0
nonisolated(unsafe) private var most = 0

enum Memory {
    /// Allowed for any input, and per input byte: a byte can be a list element of some hundred bytes in memory, and
    /// arrays grow by doubling.
    static let freeBytes = 64 << 10
    static let bytesPerByte = 512

    static func watch() {
        let isInstalled = installHooks(
            { _, size in
                live += size
                if live > most { most = live }
            },
            { live -= allocatedSize($0) })
        if isInstalled == 0 { complain("the sanitizer takes no hooks") }
    }

    /// Runs `body` on an input of `count` bytes and fails if it exceeds the bound.
    static func bounded<T>(_ count: Int, freeBytes: Int = freeBytes, _ body: () -> T) -> T {
        (live, most) = (0, 0)
        let value = body()
        let taken = most
        require(taken <= freeBytes + count * bytesPerByte, "\(taken) bytes of memory for \(count) of input")
        return value
    }
}
