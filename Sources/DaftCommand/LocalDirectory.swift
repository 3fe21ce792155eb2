// The default store directory of a node.

extension BatchSystem {
    /// The id of the current batch job: `12345`; nil outside of jobs.
    public static func jobID(_ environment: (String) -> [UInt8]?) -> String? {
        for system in allCases {
            let ids = system.idVariables.compactMap(environment).filter { !$0.isEmpty }
            if ids.isEmpty { continue }
            return String(decoding: ids.joined(separator: [UInt8(ascii: "-")]).map(ofPath), as: UTF8.self)
        }
        return nil
    }

    /// Replaces the brackets of PBS job ids.
    private static func ofPath(_ byte: UInt8) -> UInt8 {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"): byte
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"): byte
        default: UInt8(ascii: "-")
        }
    }
}

/// The default store directory. In a job it is private to the job: below the directory that Slurm made for it, or named
/// after the job below a shared one. `user` separates users.
public func localDirectory(_ environment: (String) -> [UInt8]?, user: String) -> [UInt8] {
    func directory(_ name: String) -> [UInt8]? { environment(name).flatMap { $0.isEmpty ? nil : $0 } }
    let temporary = directory("TMPDIR") ?? Array("/tmp".utf8)
    guard let job = BatchSystem.jobID(environment) else { return temporary + Array("/daft-\(user)".utf8) }
    if let own = directory("SLURM_TMPDIR") { return own + Array("/daft".utf8) }
    return temporary + Array("/daft-\(user)-\(job)".utf8)
}
