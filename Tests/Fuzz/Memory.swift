// How much memory a decoder takes at a time: no more than its input justifies.

private typealias MallocHook = @convention(c) (UnsafeRawPointer?, Int) -> Void
private typealias FreeHook = @convention(c) (UnsafeRawPointer?) -> Void

@_silgen_name("__sanitizer_install_malloc_and_free_hooks")
private func installHooks(_ malloc: MallocHook, _ free: FreeHook) -> CInt

@_silgen_name("__sanitizer_get_allocated_size")
private func allocatedSize(_ memory: UnsafeRawPointer?) -> Int

/// Bytes taken and not given back since the count began, and the most there were at a time.
nonisolated(unsafe) private var live = 0
nonisolated(unsafe) private var most = 0

enum Memory {
    /// What a small input may take all the same, and a byte of a large one: a byte can be an element of a list that
    /// takes some hundred in memory, and arrays grow by doubling.
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

    /// Does `body`, which is given so many bytes, within its means.
    static func bounded<T>(_ count: Int, freeBytes: Int = freeBytes, _ body: () -> T) -> T {
        (live, most) = (0, 0)
        let value = body()
        let taken = most
        require(taken <= freeBytes + count * bytesPerByte, "\(taken) bytes of memory for \(count) of input")
        return value
    }
}
