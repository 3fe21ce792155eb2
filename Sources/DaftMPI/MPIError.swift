// Turns MPI error codes into Swift errors. MPI_ERRORS_RETURN is set on every communicator before its first use.

import CMPI

/// A failed MPI call with MPI's error string.
public struct MPIError: Error, Hashable, Sendable {
    public let call: String
    public let code: Int32
    public let reason: String
}

extension MPIError {
    /// A timeout, which MPI itself never reports.
    init(unansweredCall call: String, after patience: Duration) {
        self.init(
            call: call, code: 0,
            reason: "not all ranks could be reached within \(patience.components.seconds) s: where nodes have networks "
                + "that do not lead to one another, name the one that does, as with "
                + "OMPI_MCA_btl_tcp_if_include=eth0 OMPI_MCA_oob_tcp_if_include=eth0")
    }
}

/// Throws unless `code` is MPI_SUCCESS.
func check(_ call: String, _ code: Int32) throws(MPIError) {
    guard code != MPI_SUCCESS else { return }
    var length: Int32 = 0
    let text = withUnsafeTemporaryAllocation(of: CChar.self, capacity: Int(MPI_MAX_ERROR_STRING)) { buffer in
        MPI_Error_string(code, buffer.baseAddress, &length) == MPI_SUCCESS
            ? String(decoding: buffer.prefix(Int(length)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
            : "error \(code)"
    }
    throw MPIError(call: call, code: code, reason: text)
}
