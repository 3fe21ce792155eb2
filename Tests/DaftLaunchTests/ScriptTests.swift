// The start script for nodes, and parsing of its replies.
import DaftModel
import DaftWire
@testable import DaftLaunch
import Testing

@Suite struct ScriptTests {
    @Test func everyLoginShellReadsTheScriptAlike() {
        let command = NodeScript.command(digest: "d1", size: 12345, token: "t1")
        let prefix = "exec /bin/sh -c '"
        #expect(command.hasPrefix(prefix) && command.hasSuffix("'"))
        let script = command.dropFirst(prefix.count).dropLast()
        for sign in ["'", "\\", "!", "\n"] { #expect(!script.contains(sign), "has \(sign)") }
        for word in ["DIGEST", "SIZE", "TOKEN"] { #expect(!script.contains(word), "has \(word)") }
        #expect(script.contains("head -c 12345 ") && script.contains("/daft-d1;") && script.contains("/new-t1"))
    }

    @Test func theWordsOfANodeAreReadAndNothingElse() {
        let report = NodeReport(pid: 7, store: [0x2f])
        let failure = Failure(.failed, [], "no")
        for word in [NodeMessage.have, .need, .ready(report), .failed(failure)] {
            #expect(NodeMessage(line: Array(word.line.utf8.dropLast())) == word)
            #expect(NodeMessage(line: Array(word.line.utf8.dropLast()) + [0x0d]) == word)
            #expect(NodeMessage(line: [0x20] + Array(word.line.utf8)) == nil)
        }
        for line in [
            "", "daft-node ", "daft-node have 00", "daft-node ready", "daft-node ready 00", "daft-node ready xx",
            "daft-node failed 01", "daft-nodehave", "daft-node go", "daft-node ready 01 02",
        ] {
            #expect(NodeMessage(line: Array(line.utf8)) == nil, "\(line)")
        }
    }

    @Test func linesComeTogetherFromPieces() {
        var reader = LineReader(longestBytes: 4)
        #expect(reader.lines("ab".utf8) == [])
        #expect(reader.lines("c\n\nlonger\nd".utf8) == [Array("abc".utf8), []])
        #expect(reader.rest() == Array("d".utf8))
        #expect(reader.lines("longer".utf8) == [])
        #expect(reader.rest() == [], "of a line that was too long nothing is left")
        #expect(reader.lines("e\n".utf8) == [Array("e".utf8)])
    }

    @Test func theLastWordsAreFitForPeople() {
        var words = LastLines()
        words.add("first\n\u{1b}[31mred\u{1b}[0m\r\n\n".utf8)
        words.add("  last \u{7} \n".utf8)
        words.add([0xff])
        #expect(words.taken() == ["last", "\u{fffd}"])
        var few = LastLines()
        few.add("one\n\u{1b}[31mred\n".utf8)
        #expect(few.taken() == ["one", "[31mred"])
    }

    @Test(
        arguments: [
            (["ssh: Could not resolve hostname n1: Name or service not known"], Failure.Kind.unreachable),
            (["ssh: connect to host n1 port 22: Connection refused"], .unreachable),
            (["me@n1: Permission denied (publickey)."], .denied), (["x", "Host key verification failed."], .denied),
            (["a", "b"], .failed),
        ])
    func whatSshSaysIsUnderstood(said: [String], kind: Failure.Kind) {
        let failure = NodeDialogue.failure(said)
        #expect(failure.kind == kind)
        #expect(!failure.reason.contains("ssh: "))
        #expect(said != ["a", "b"] || failure.reason == "a; b")
    }

    @Test func theAddressThatSshCameFromIsTriedFirst() {
        let all = ["10.0.0.1", "10.1.0.1"]
        #expect(arranged(all, connection: "10.1.0.1 5000 10.1.0.2 22") == ["10.1.0.1", "10.0.0.1"])
        #expect(arranged(all, connection: "9.9.9.9 5000 10.1.0.2 22") == all)
        #expect(arranged(all, connection: "10.0.0.1 5000 10.0.0.1 22") == ["127.0.0.1"] + all)
        #expect(arranged([], connection: "10.0.0.1 5000 10.0.0.1 22") == [])
        #expect(arranged(all, connection: "") == all)
    }
}
