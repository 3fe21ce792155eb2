// Whether a symlink would still lead somewhere after its tree has been copied elsewhere.

/// `path` is the link's, below the root of its tree. An absolute target leads out, whatever it is: on other nodes the
/// tree stands elsewhere.
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
