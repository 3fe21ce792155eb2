// A text as JSON has it.

public func quotedForJSON(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars {
        switch scalar {
        case "\"": result += "\\\""
        case "\\": result += "\\\\"
        case "\n": result += "\\n"
        case "\t": result += "\\t"
        case "\r": result += "\\r"
        case _
        where scalar.value < 0x20 || (0x7f..<0xa0).contains(scalar.value)
            || scalar.properties.generalCategory == .format:
            // What would steer a terminal, or turn the direction of a text.
            for unit in String(scalar).utf16 {
                result += "\\u" + hexadecimal([UInt8(unit >> 8), UInt8(unit & 0xff)])
            }
        default: result.unicodeScalars.append(scalar)
        }
    }
    return result + "\""
}
