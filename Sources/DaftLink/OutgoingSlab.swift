// Keeps a slab alive while its bytes are being sent: every pending send holds a reference.

public final class OutgoingSlab: Sendable {
    public let slab: Slab
    private let onEnd: (@Sendable () -> Void)?

    public init(_ slab: Slab, onEnd: (@Sendable () -> Void)? = nil) {
        self.slab = slab
        self.onEnd = onEnd
    }

    deinit { onEnd?() }
}
