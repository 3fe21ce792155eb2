// Bytes as printable text: names may have newlines, quotes and invalid UTF-8.

/// Escapes backslashes, control characters and invalid UTF-8 as `\\`, `\n`, `\t`, `\xHH`.
public func shown(_ bytes: some Sequence<UInt8>) -> String {
    let bytes = Array(bytes)
    if bytes.allSatisfy({ (0x20..<0x7f).contains($0) && $0 != UInt8(ascii: "\\") }) {
        return String(decoding: bytes, as: UTF8.self)
    }
    var text = ""
    var decoder = UTF8()
    var start = 0
    while start < bytes.count {
        var iterator = bytes[start...].makeIterator()
        guard case .scalarValue(let scalar) = decoder.decode(&iterator) else {
            text += escaped(bytes[start])
            start += 1
            decoder = UTF8()
            continue
        }
        let width = UTF8.width(scalar)
        if scalar.value < 0x20 || scalar.value == 0x7f || scalar == "\\" {
            text += escaped(bytes[start])
        } else if scalar.isSteering {
            text += bytes[start..<start + width].map(escaped).joined()
        } else {
            text.unicodeScalars.append(scalar)
        }
        start += width
        decoder = UTF8()
    }
    return text
}

extension Unicode.Scalar {
    /// A non-ASCII control or format character, which could steer a terminal or change the text direction.
    var isSteering: Bool { !isASCII && (value < 0xa0 || properties.generalCategory == .format) }
}

private func escaped(_ byte: UInt8) -> String {
    switch byte {
    case UInt8(ascii: "\\"): "\\\\"
    case UInt8(ascii: "\n"): "\\n"
    case UInt8(ascii: "\t"): "\\t"
    default: "\\x" + hexadecimal([byte])
    }
}
