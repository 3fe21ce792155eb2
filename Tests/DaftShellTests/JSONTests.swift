// JSON output.

import DaftModel
import Foundation
import Testing

@testable import DaftShell

@Suite struct JSONTests {
    @Test func textIsEscapedAsJSONWants() {
        let line = jsonLine("x", ["a": .text("\"\\\n\t\r\u{1}\u{7f}é/"), "b": .number(-3), "c": .nothing])
        #expect(
            line == #"{"type":"x","a":"\"\\\n\t\r\u0001\u007fé/","b":-3,"c":null}"# + "\n")
    }

    @Test func aNameThatIsNoTextIsHexadecimal() {
        #expect(JSONValue.bytes([0x2f, 0xff]).text == #"{"bytes":"2fff"}"#)
        #expect(JSONValue.list([.bytes(Array("/é".utf8)), .number(1)]).text == #"["/é",1]"#)
    }

    @Test func anyTextComesBackFromAParser() throws {
        for value in 0..<0x250 {
            let text = "a\(Unicode.Scalar(UInt32(value)).map(String.init) ?? "")b"
            let line = jsonLine("t", ["v": .text(text)])
            let parsed = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: String]
            #expect(parsed?["v"] == text)
        }
    }
}
