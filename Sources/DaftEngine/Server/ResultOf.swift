// A failure as a value: for work whose end is looked at later, or elsewhere, than it comes.

import DaftModel

extension Result where Failure == DaftModel.Failure {
    /// What `body` returns or throws.
    init(_ body: () throws(DaftModel.Failure) -> Success) {
        do throws(DaftModel.Failure) { self = .success(try body()) } catch { self = .failure(error) }
    }

    /// The same, in its own time.
    static func of(_ body: () async throws(DaftModel.Failure) -> Success) async -> Self {
        do throws(DaftModel.Failure) { return .success(try await body()) } catch { return .failure(error) }
    }
}
