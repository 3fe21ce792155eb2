// Groups small files: many share one message, task and transaction.

/// Groups items in order, up to a number of files and bytes; an item without `smallSize` forms its own group.
public func smallFileGroups<Item>(
    of items: some Sequence<Item>, mostFiles: Int, mostBytes: Int64, smallSize: (Item) -> Int64?
) -> [[Item]] {
    var groups: [[Item]] = []
    var (small, bytes): ([Item], Int64) = ([], 0)
    for item in items {
        guard let size = smallSize(item) else {
            groups.append([item])
            continue
        }
        if !small.isEmpty, small.count == mostFiles || bytes + size > mostBytes {
            groups.append(small)
            (small, bytes) = ([], 0)
        }
        small.append(item)
        bytes += size
    }
    return small.isEmpty ? groups : groups + [small]
}
