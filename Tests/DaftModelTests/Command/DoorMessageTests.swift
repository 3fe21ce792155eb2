// Golden bytes of the door protocol, and robustness of its decoders.
import DaftCommand
import DaftModel
import Testing

@Suite struct DoorMessageTests {
    @Test func whatAClientSaysHasItsForm() {
        var command = DoorCommand(.line(Array("ls".utf8)), in: Array("/tmp".utf8))
        command.place = "f:3"
        (command.style.json, command.style.verbose, command.style.progress) = (true, true, false)
        command.columns = 0x0102
        expectForms(
            [
                .begin(command), .begin(DoorCommand(.arguments([[], [0xff]]), in: [0x2f])), .credit(bytes: 70_000),
                .signal(2), .alive, .outputClosed,
            ] as [ClientMessage],
            [
                "010702020000006c7303000000663a33040000002f746d700100010000000002011200010000002f",
                "010701020000000000000001000000ff00000000010000002f0000000100000000001200010000002f",
                "010270110100", "010302", "0104", "0105",
            ])
    }

    @Test func whatADoorSaysHasItsForm() {
        expectForms(
            [
                .output([0, 0xff]), .errors([]), .end(status: 130), .alive,
                .refused(Failure(.unreachable, [], "no")),
            ] as [DoorMessage],
            ["01010200000000ff", "010200000000", "010382", "0104", "01050600000000" + "00000000" + "020000006e6f"])
    }

    @Test func aPathThatIsRelativeToNothingIsRefused() {
        let command = DoorCommand(.line([]), in: Array("tmp".utf8))
        #expect(throws: Malformed.self) { try DoorCommand(decoding: command.encoded) }
    }

    @Test func morePiecesThanBytesAreRefused() {
        #expect(throws: Malformed.self) { try CommandText(decoding: [1, 0xff, 0xff, 0xff, 0xff]) }
    }

    @Test func wordsAndLinesBecomeTheSameCommands() throws {
        #expect(try Command(.line(Array("put 'b@n3'".utf8))) == .put(sources: [Array("b@n3".utf8)], host: nil, as: nil))
        #expect(
            try Command(.arguments([Array("put".utf8), Array("b@n3".utf8)]))
                == .put(sources: [Array("b".utf8)], host: "n3", as: nil))
    }
}
