// Results with typed failures, for outcomes that are examined later or elsewhere.

import DaftModel

extension Result where Failure == DaftModel.Failure {
    /// The result of `body`.
    init(_ body: () throws(DaftModel.Failure) -> Success) {
        do throws(DaftModel.Failure) { self = .success(try body()) } catch { self = .failure(error) }
    }

    /// The result of an async `body`.
    static func of(_ body: () async throws(DaftModel.Failure) -> Success) async -> Self {
        do throws(DaftModel.Failure) { return .success(try await body()) } catch { return .failure(error) }
    }
}
