// Work in stages: up to `width` pieces are under way at once, and their results are taken in the order of the pieces.

extension Loop {
    /// Calls `next` for piece after piece until it says nil, `work` on each while others are still under way, and
    /// `take` with each result in order. Only `work` runs beside anything else.
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

    /// The same over what is there already.
    public func inOrder<Item: Sendable, Result: Sendable>(
        width: Int, over items: [Item], work: @escaping @Sendable (Item) async -> Result, take: (Result) async -> Void
    ) async {
        var rest = items.makeIterator()
        await inOrder(width: max(1, width), next: { rest.next() }, work: work, take: take)
    }

    /// Waits for a task, handing on a cancellation.
    public func finished<T: Sendable>(_ task: Task<T, Never>) async -> T {
        await withTaskCancellationHandler {
            await task.value
        } onCancel: {
            task.cancel()
        }
    }
}
