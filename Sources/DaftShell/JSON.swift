// JSON output, one line per result. Names are strings; a name that is no UTF-8 is {"bytes":"2fff"} in hexadecimal.

import DaftModel

func jsonLine(_ type: String, _ fields: KeyValuePairs<String, JSONValue>) -> String {
    let all = [("type", JSONValue.text(type))] + fields.map { ($0.key, $0.value) }
    return "{" + all.map { quotedForJSON($0) + ":" + $1.text }.joined(separator: ",") + "}\n"
}

enum JSONValue {
    case nothing
    case text(String)
    case number(Int64)
    case truth(Bool)
    case bytes([UInt8])
    case list([JSONValue])
    case object(KeyValuePairs<String, JSONValue>)

    static func name(_ name: Name) -> JSONValue { .bytes(name.bytes) }
    static func texts(_ texts: [String]) -> JSONValue { .list(texts.map { .text($0) }) }

    var text: String {
        switch self {
        case .nothing: "null"
        case .text(let text): quotedForJSON(text)
        case .number(let number): String(number)
        case .truth(let isSo): isSo ? "true" : "false"
        case .bytes(let bytes):
            String(validating: bytes, as: UTF8.self).map(quotedForJSON) ?? "{\"bytes\":\"\(hexadecimal(bytes))\"}"
        case .list(let values): "[" + values.map(\.text).joined(separator: ",") + "]"
        case .object(let fields):
            "{" + fields.map { quotedForJSON($0.key) + ":" + $0.value.text }.joined(separator: ",") + "}"
        }
    }
}
