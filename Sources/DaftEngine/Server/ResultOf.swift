// A failure as a value: for work whose end is looked at later, or elsewhere, than it comes.

import DaftCore

extension Result where Failure == DaftCore.Failure {
    /// What `body` returns or throws.
    init(_ body: () throws(DaftCore.Failure) -> Success) {
        do throws(DaftCore.Failure) { self = .success(try body()) } catch { self = .failure(error) }
    }

    /// The same, in its own time.
    static func of(_ body: () async throws(DaftCore.Failure) -> Success) async -> Self {
        do throws(DaftCore.Failure) { return .success(try await body()) } catch { return .failure(error) }
    }
}
