// A JSON string literal.

public func quotedForJSON(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars {
        switch scalar {
        case "\"": result += "\\\""
        case "\\": result += "\\\\"
        case "\n": result += "\\n"
        case "\t": result += "\\t"
        case "\r": result += "\\r"
        case _ where scalar.value < 0x20 || scalar.value == 0x7f || scalar.isSteering:
            for unit in String(scalar).utf16 {
                result += "\\u" + hexadecimal([UInt8(unit >> 8), UInt8(unit & 0xff)])
            }
        default: result.unicodeScalars.append(scalar)
        }
    }
    return result + "\""
}
