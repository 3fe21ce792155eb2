// Whether a symlink still resolves after its tree is copied elsewhere.

/// `path` is the link's path below the root. Absolute targets always lead out, since the tree's path differs on other
/// nodes.
public func leadsOut(_ target: [UInt8], of path: [UInt8]) -> Bool {
    let slash = UInt8(ascii: "/")
    if target.first == slash { return true }
    var depth = path.count { $0 == slash }
    for part in target.split(separator: slash) where !part.elementsEqual(".".utf8) {
        depth += part.elementsEqual("..".utf8) ? -1 : 1
        if depth < 0 { return true }
    }
    return false
}
