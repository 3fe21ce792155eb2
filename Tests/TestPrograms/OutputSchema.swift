// Validates --json output against docs/output.schema.json with Debian's Python validator.

import Foundation

public struct CheckedOutput {
    /// The types of the objects.
    public let types: Set<String>
    /// A line for each invalid object.
    public let errors: String
}

/// `output` has one object per line.
public func checked(_ output: String, in directory: String) throws -> CheckedOutput {
    let file = "\(directory)/.json\(UInt64.random(in: 0 ... .max))"
    try output.write(toFile: file, atomically: false, encoding: .utf8)
    defer { try? FileManager.default.removeItem(atPath: file) }
    let python = try Running(
        "/usr/bin/python3", ["-c", validator, schemaFile], in: directory, input: file,
        output: file + ".out", errors: file + ".err")
    defer { for end in [".out", ".err"] { try? FileManager.default.removeItem(atPath: file + end) } }
    let ended = python.wait(seconds: 30)
    return CheckedOutput(
        types: Set(ended.output.split(separator: "\n").map(String.init)),
        errors: ended.status == 0 ? ended.errors : "\(ended)")
}

/// The types defined in the schema.
public func knownTypes() throws -> Set<String> {
    let data = try Data(contentsOf: URL(fileURLWithPath: schemaFile))
    let schema = try JSONSerialization.jsonObject(with: data) as? [String: Any]
    var types: Set<String> = []
    for object in schema?["oneOf"] as? [[String: Any]] ?? [] {
        let type = (object["properties"] as? [String: Any])?["type"] as? [String: Any]
        if let one = type?["const"] as? String { types.insert(one) }
        types.formUnion(type?["enum"] as? [String] ?? [])
    }
    return types
}

private let schemaFile = URL(filePath: #filePath).appending(path: "../../../docs/output.schema.json").standardized.path

private let validator = """
    import json, sys, jsonschema
    schema = json.load(open(sys.argv[1]))
    jsonschema.Draft202012Validator.check_schema(schema)
    kinds = {}
    for kind in schema["oneOf"]:
        of = kind["properties"]["type"]
        for name in of.get("enum", [of.get("const")]): kinds[name] = dict(kind, **{"$defs": schema["$defs"]})
    for line in sys.stdin:
        thing = json.loads(line)
        print(thing["type"])
        if thing["type"] not in kinds: print(f"no such type: {line}", file=sys.stderr); continue
        for error in jsonschema.Draft202012Validator(kinds[thing["type"]]).iter_errors(thing):
            print(f"{error.json_path}: {error.message} in {line}", file=sys.stderr)
    """
