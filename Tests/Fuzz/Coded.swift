// Round trips: whatever decodes encodes to the same bytes, with bounded memory.

import DaftModel

/// The value encoded by `bytes`, if any.
func decoded<T: Coded>(
    _ type: T.Type = T.self, _ bytes: [UInt8], hasOneForm: Bool = true, freeBytes: Int = Memory.freeBytes
) -> T? {
    let value = Memory.bounded(bytes.count, freeBytes: freeBytes) { try? T(decoding: bytes) }
    guard let value else { return nil }
    let again = value.encoded
    if hasOneForm {
        require(again == bytes, "\(T.self) has a second form: \(hexadecimal(again))")
        require(bytes.count >= T.minimumSize, "the least size of \(T.self) is too large")
    } else {
        require((try? T(decoding: again)) == value, "\(T.self) does not come back: \(hexadecimal(again))")
    }
    return value
}

/// The first byte selects the type of the rest.
struct Choice {
    private let bytes: [UInt8]
    private let kind: Int

    init(_ bytes: [UInt8], of count: Int) {
        kind = bytes.first.map { Int($0) % count } ?? 0
        self.bytes = Array(bytes.dropFirst())
    }

    func take<T: Coded>(_ kind: Int, as type: T.Type, _ use: (T) -> Void = { _ in }) {
        if kind == self.kind, let value = decoded(type, bytes) { use(value) }
    }

    func take(_ kind: Int, _ use: ([UInt8]) -> Void) { if kind == self.kind { use(bytes) } }
}

/// Encoded values prefixed with their type's number, and variants with implausible lengths.
func forms(_ kind: UInt8, _ values: [some Coded]) -> [[UInt8]] {
    values.flatMap { Hostile.forms(of: $0.encoded) }.map { [kind] + $0 }
}

enum Hostile {
    /// −1, 2³¹, 2⁶³ and their neighbours, in the widths of lengths and sizes.
    private static let numbers: [[UInt8]] =
        [
            UInt64.max, 1 << 63, 1 << 63 - 1, 1 << 62,
        ].map(bytes) + [UInt32.max, 1 << 31, 1 << 31 - 1].map(bytes)

    /// The encoding; with each of those numbers at its start, middle and end; truncated; doubled.
    static func forms(of form: [UInt8]) -> [[UInt8]] {
        var forms = [form, Array(form.dropLast()), form + form]
        for number in numbers where form.count >= number.count + 2 {
            for place in [2, form.count / 2, form.count - number.count] where place + number.count <= form.count {
                forms.append(form[..<place] + number + form[(place + number.count)...])
            }
        }
        return forms
    }

    private static func bytes(_ number: some FixedWidthInteger) -> [UInt8] {
        withUnsafeBytes(of: number.littleEndian) { Array($0) }
    }
}
