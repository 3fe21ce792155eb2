// The lines with which a node, and the script that starts it, report progress.

import DaftModel
import DaftWire

public enum NodeMessage: Hashable, Sendable {
    /// The program is present; the order comes next.
    case have
    /// The program is missing; its bytes come next.
    case need
    case ready(NodeReport)
    case failed(Failure)

    static let mark = "daft-node "

    /// Nil if `line` is not part of the protocol.
    init?(line: [UInt8]) {
        var text = String(decoding: line, as: UTF8.self)[...]
        if text.last == "\r" { text.removeLast() }
        guard text.hasPrefix(NodeMessage.mark) else { return nil }
        let words = text.dropFirst(NodeMessage.mark.count).split(separator: " ")
        let bytes = words.count == 2 ? bytesOfHex(words[1]) : nil
        switch (words.first, bytes) {
        case ("have", nil) where words.count == 1: self = .have
        case ("need", nil) where words.count == 1: self = .need
        case ("ready", let bytes?):
            guard let report = NodeReport(ifDecodable: bytes) else { return nil }
            self = .ready(report)
        case ("failed", let bytes?):
            guard let failure = Failure(ifDecodable: bytes) else { return nil }
            self = .failed(failure)
        default: return nil
        }
    }

    var line: String {
        switch self {
        case .have: "\(NodeMessage.mark)have\n"
        case .need: "\(NodeMessage.mark)need\n"
        case .ready(let report): "\(NodeMessage.mark)ready \(hexadecimal(report.encoded))\n"
        case .failed(let failure): "\(NodeMessage.mark)failed \(hexadecimal(failure.encoded))\n"
        }
    }
}

extension NodeOrder {
    /// Encoded for a node's standard input: length first.
    var framed: [UInt8] {
        var writer = ByteWriter()
        writer.run(encoded)
        return writer.bytes
    }
}
