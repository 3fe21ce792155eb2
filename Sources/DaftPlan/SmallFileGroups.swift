// Which files are worked on together: many small ones cost one message, one task and one transaction.

/// Groups of at most so many small files and so many bytes, in order; what has no `smallSize` is a group by itself.
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
