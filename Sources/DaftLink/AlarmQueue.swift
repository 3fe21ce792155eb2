// A priority queue of alarms: a binary heap from which cancelled ones are removed lazily.

public struct AlarmQueue: Sendable {
    private var heap: [Alarm] = []
    private var bodies: [UInt64: @Sendable () -> Void] = [:]
    private var made: UInt64 = 0

    public init() {}

    public mutating func set(at deadline: Nanoseconds, _ body: @escaping @Sendable () -> Void) -> Alarm {
        made += 1
        let alarm = Alarm(deadline: deadline, number: made)
        bodies[made] = body
        heap.append(alarm)
        rise(heap.count - 1)
        return alarm
    }

    public mutating func cancel(_ alarm: Alarm) {
        bodies[alarm.number] = nil
        // Rebuild the heap when most of it is cancelled.
        if heap.count > 64, heap.count > 4 * bodies.count {
            heap.removeAll { bodies[$0.number] == nil }
            heap.sort(by: AlarmQueue.isEarlier)
        }
    }

    public var next: Nanoseconds? {
        mutating get {
            while let first = heap.first, bodies[first.number] == nil { removeFirst() }
            return heap.first?.deadline
        }
    }

    /// Removes and returns the earliest alarm due at `now`.
    public mutating func due(at now: Nanoseconds) -> (@Sendable () -> Void)? {
        guard let next, next <= now, let first = heap.first else { return nil }
        removeFirst()
        return bodies.removeValue(forKey: first.number)
    }

    private static func isEarlier(_ x: Alarm, _ y: Alarm) -> Bool {
        (x.deadline, x.number) < (y.deadline, y.number)
    }

    private mutating func removeFirst() {
        heap.swapAt(0, heap.count - 1)
        heap.removeLast()
        sink(0)
    }

    private mutating func rise(_ start: Int) {
        var i = start
        while i > 0, AlarmQueue.isEarlier(heap[i], heap[(i - 1) / 2]) {
            heap.swapAt(i, (i - 1) / 2)
            i = (i - 1) / 2
        }
    }

    private mutating func sink(_ start: Int) {
        var i = start
        while true {
            var least = i
            for child in [2 * i + 1, 2 * i + 2] where child < heap.count {
                if AlarmQueue.isEarlier(heap[child], heap[least]) { least = child }
            }
            if least == i { return }
            heap.swapAt(i, least)
            i = least
        }
    }
}
