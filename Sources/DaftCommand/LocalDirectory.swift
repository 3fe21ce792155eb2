// Which directory of a node is a store where nobody names one.

extension BatchSystem {
    /// What tells the job that this process is in from others of the same user: `12345`. Nil where it is in none.
    public static func jobID(_ environment: (String) -> [UInt8]?) -> String? {
        for system in allCases {
            let ids = system.idVariables.compactMap(environment).filter { !$0.isEmpty }
            if ids.isEmpty { continue }
            return String(decoding: ids.joined(separator: [UInt8(ascii: "-")]).map(ofPath), as: UTF8.self)
        }
        return nil
    }

    /// PBS has brackets in its ids.
    private static func ofPath(_ byte: UInt8) -> UInt8 {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"): byte
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"): byte
        default: UInt8(ascii: "-")
        }
    }
}

/// The store's directory by the environment. In a job it is the job's: below what Slurm made for it alone, or one with
/// the job's number in its name below what all of the node share. `user` keeps those of several people apart.
public func localDirectory(_ environment: (String) -> [UInt8]?, user: String) -> [UInt8] {
    func directory(_ name: String) -> [UInt8]? { environment(name).flatMap { $0.isEmpty ? nil : $0 } }
    let temporary = directory("TMPDIR") ?? Array("/tmp".utf8)
    guard let job = BatchSystem.jobID(environment) else { return temporary + Array("/daft-\(user)".utf8) }
    if let own = directory("SLURM_TMPDIR") { return own + Array("/daft".utf8) }
    return temporary + Array("/daft-\(user)-\(job)".utf8)
}
