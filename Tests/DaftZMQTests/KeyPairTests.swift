// Key pairs have libzmq's format and are unique.
import CZMQ
import DaftWire
import DaftZMQ
import Testing

@Suite struct KeyPairTests {
    @Test func thePublicKeyBelongsToTheSecretOne() throws {
        let keys = try SystemKeys.random()
        var secret = [CChar](repeating: 0, count: 41)
        var derived = [CChar](repeating: 0, count: 41)
        var decoded = [UInt8](repeating: 0, count: 32)
        #expect(zmq_z85_encode(&secret, keys.secretKey, 32) != nil)
        #expect(zmq_curve_public(&derived, secret) == 0)
        #expect(zmq_z85_decode(&decoded, derived) != nil)
        #expect(decoded == keys.publicKey)
    }

    @Test func everySystemHasItsOwn() throws {
        #expect(try SystemKeys.random() != SystemKeys.random())
    }
}
