// The CURVE keys of a system.

import CZMQ
import DaftModel
import DaftWire

extension SystemKeys {
    /// 40 characters of Z85 and a zero byte.
    private static let textBytes = 41

    public static func random() throws(Failure) -> SystemKeys {
        var publicText = [CChar](repeating: 0, count: textBytes)
        var secretText = publicText
        guard zmq_curve_keypair(&publicText, &secretText) == 0,
            let keys = SystemKeys(publicKey: try decoded(publicText), secretKey: try decoded(secretText))
        else { throw Failure(.failed, [], ZMQError("zmq_curve_keypair").reason) }
        return keys
    }

    private static func decoded(_ text: [CChar]) throws(Failure) -> [UInt8] {
        var key = [UInt8](repeating: 0, count: length)
        guard zmq_z85_decode(&key, text) != nil else {
            throw Failure(.failed, [], ZMQError("zmq_z85_decode").reason)
        }
        return key
    }
}
