// The key pair of a workstation system, generated at its start and sent to every node over ssh. Whoever has it is a
// member.

import DaftModel

public struct SystemKeys: Coded {
    public static let minimumSize = 2 * length
    /// Length of each key.
    public static let length = 32

    public let publicKey: [UInt8]
    public let secretKey: [UInt8]

    public init?(publicKey: [UInt8], secretKey: [UInt8]) {
        guard publicKey.count == SystemKeys.length, secretKey.count == SystemKeys.length else { return nil }
        (self.publicKey, self.secretKey) = (publicKey, secretKey)
    }

    public init(from reader: inout ByteReader) throws(Malformed) {
        publicKey = try reader.raw(SystemKeys.length)
        secretKey = try reader.raw(SystemKeys.length)
    }

    public func encode(into writer: inout ByteWriter) {
        for byte in publicKey + secretKey { writer.u8(byte) }
    }
}

/// Keeps the secret out of messages and debugger output.
extension SystemKeys: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    public var description: String { "keys \(hexadecimal(publicKey.prefix(4)))…" }
    public var debugDescription: String { description }
    public var customMirror: Mirror { Mirror(self, children: []) }
}
