// Each system library is found, imported, linked and recent enough.

import CMPI
import COpenSSL
import CSQLite
import CZMQ
import CZstd
import Testing

@Suite struct SystemLibraryTests {
    @Test func zeroMQHasTheHeartbeatsAndKeysOf43() {
        var (major, minor, patch): (Int32, Int32, Int32) = (0, 0, 0)
        zmq_version(&major, &minor, &patch)
        #expect((major, minor) >= (4, 3))
        #expect(major == ZMQ_VERSION_MAJOR && minor == ZMQ_VERSION_MINOR)
        #expect(zmq_has("curve") == 1)
    }

    @Test func zstandardComesBackAsItWentIn() {
        #expect(ZSTD_versionNumber() >= 10400)
        let bytes = [UInt8](repeating: 7, count: 10_000)
        var packed = [UInt8](repeating: 0, count: ZSTD_compressBound(bytes.count))
        let packedSize = ZSTD_compress(&packed, packed.count, bytes, bytes.count, 1)
        #expect(ZSTD_isError(packedSize) == 0 && packedSize < 100)
        var unpacked = [UInt8](repeating: 0, count: bytes.count)
        #expect(ZSTD_decompress(&unpacked, unpacked.count, packed, packedSize) == bytes.count)
        #expect(unpacked == bytes)
    }

    /// These two may be called before `MPI_Init`.
    @Test func openMPIIsTheLibraryItsHeadersSay() {
        var (version, subversion): (Int32, Int32) = (0, 0)
        #expect(MPI_Get_version(&version, &subversion) == MPI_SUCCESS)
        #expect((version, subversion) >= (3, 1))
        var text = [CChar](repeating: 0, count: Int(MPI_MAX_LIBRARY_VERSION_STRING))
        var length: Int32 = 0
        #expect(MPI_Get_library_version(&text, &length) == MPI_SUCCESS)
        let name = String(decoding: text.prefix(Int(length)).map(UInt8.init(bitPattern:)), as: UTF8.self)
        #expect(name.hasPrefix("Open MPI v\(OMPI_MAJOR_VERSION).\(OMPI_MINOR_VERSION)."))
    }

    @Test func openSSLHashesTheEmptyInputAsFIPS180Says() {
        var digest = [UInt8](repeating: 0, count: 32)
        var length: UInt32 = 0
        #expect(EVP_Digest([], 0, &digest, &length, EVP_sha256(), nil) == 1)
        #expect(length == 32)
        #expect(digest.prefix(4).elementsEqual([0xe3, 0xb0, 0xc4, 0x42]))
    }

    @Test func sqliteIsTheLibraryItsHeadersSayAndSafeBetweenThreads() {
        #expect(String(cString: sqlite3_libversion()) == SQLITE_VERSION)
        #expect(sqlite3_libversion_number() >= 3_035_000)
        #expect(sqlite3_threadsafe() != 0)
    }
}
