// A slab while bytes of it leave: whoever carries some of them holds on to this until they are gone.

public final class OutgoingSlab: Sendable {
    public let slab: Slab
    private let onEnd: (@Sendable () -> Void)?

    public init(_ slab: Slab, onEnd: (@Sendable () -> Void)? = nil) {
        self.slab = slab
        self.onEnd = onEnd
    }

    deinit { onEnd?() }
}
