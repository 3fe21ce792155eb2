// Ordered pipelines: up to `width` items in flight, with results taken in item order.

extension Loop {
    /// Calls `next` until it returns nil, `work` on several items concurrently, and `take` with the results in order.
    /// Only `work` runs concurrently.
    public func inOrder<Item: Sendable, Result: Sendable>(
        width: Int,
        next: () async -> Item?,
        work: @escaping @Sendable (Item) async -> Result,
        take: (Result) async -> Void
    ) async {
        var underWay: [Task<Result, Never>] = []
        while let item = await next() {
            underWay.append(start { await work(item) })
            if underWay.count >= width { await take(await finished(underWay.removeFirst())) }
        }
        for task in underWay { await take(await finished(task)) }
    }

    /// The same over an array.
    public func inOrder<Item: Sendable, Result: Sendable>(
        width: Int, over items: [Item], work: @escaping @Sendable (Item) async -> Result, take: (Result) async -> Void
    ) async {
        var rest = items.makeIterator()
        await inOrder(width: max(1, width), next: { rest.next() }, work: work, take: take)
    }

    /// Waits for a task and forwards cancellation to it.
    public func finished<T: Sendable>(_ task: Task<T, Never>) async -> T {
        await withTaskCancellationHandler {
            await task.value
        } onCancel: {
            task.cancel()
        }
    }
}
