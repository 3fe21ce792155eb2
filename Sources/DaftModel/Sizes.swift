// Parses and formats sizes, rates and durations. K, M, G and T are powers of 1024.

/// `4096`, `512k`, `1.5G`, `4MiB`, `4.0 MiB`, `12 B`; nil for anything else and from 2⁶³ on.
public func size(_ text: some Collection<UInt8>) -> Int64? {
    let digits = text.prefix { isDigit($0) }
    let tail = text.dropFirst(digits.count)
    let hasPoint = tail.first == UInt8(ascii: ".")
    let fraction = hasPoint ? Array(tail.dropFirst().prefix { isDigit($0) }) : []
    let suffix = String(decoding: tail.dropFirst(hasPoint ? fraction.count + 1 : 0), as: UTF8.self)
    guard let whole = Int64(String(decoding: digits, as: UTF8.self)), hasPoint == !fraction.isEmpty,
        fraction.count <= 6, let unit = unit(suffix), !hasPoint || unit > 1
    else { return nil }
    let (bytes, tooLarge) = whole.multipliedReportingOverflow(by: unit)
    var part: Int64 = 0
    var scale: Int64 = 1
    for digit in fraction {
        part = part * 10 + Int64(digit - UInt8(ascii: "0"))
        scale *= 10
    }
    let (sum, alsoTooLarge) = bytes.addingReportingOverflow(part * unit / scale)
    return tooLarge || alsoTooLarge ? nil : sum
}

/// `512 B`, `4.0 MiB`: exact below 1 KiB, then with one decimal.
public func shown(size: Int64) -> String {
    let units = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"]
    guard size >= 1024 else { return "\(size) B" }
    for (i, name) in units.enumerated() {
        let unit = UInt64(1) << UInt64(10 * (i + 1))
        let (whole, rest) = UInt64(size).quotientAndRemainder(dividingBy: unit)
        let tenths = whole * 10 + (rest * 10 + unit / 2) / unit
        if tenths < 10240 || i == units.count - 1 { return "\(tenths / 10).\(tenths % 10) \(name)" }
    }
    return "\(size) B"
}

/// `47.5 MiB/s`; `-` if unknown.
public func shown(rate bytesPerSecond: Double) -> String {
    guard bytesPerSecond.isFinite, bytesPerSecond >= 0 else { return "-" }
    return shown(size: bytesPerSecond < 0x1p63 ? Int64(bytesPerSecond) : .max) + "/s"
}

/// `412 ms`, `12.3 s`, `2m05s`, `1h02m`.
public func shown(_ duration: Duration) -> String {
    let (wholeSeconds, attoseconds) = duration.components
    let milliseconds = max(0, min(wholeSeconds, 1 << 40) * 1000 + attoseconds / 1_000_000_000_000_000)
    let tenths = (milliseconds + 50) / 100
    let seconds = (milliseconds + 500) / 1000
    let minutes = (seconds + 30) / 60
    if milliseconds < 1000 { return "\(milliseconds) ms" }
    if tenths < 600 { return "\(tenths / 10).\(tenths % 10) s" }
    if seconds < 3600 { return "\(seconds / 60)m\(twoDigits(seconds % 60))s" }
    return "\(minutes / 60)h\(twoDigits(minutes % 60))m"
}

/// `90`, `90s`, `10m`, `24h`, `7d`: from one second to the maximum of `u32`.
public func seconds(_ text: some Collection<UInt8>) -> UInt32? {
    let digits = text.prefix { isDigit($0) }
    let units: [String: UInt32] = ["": 1, "s": 1, "m": 60, "h": 3600, "d": 86_400]
    guard let number = UInt32(String(decoding: digits, as: UTF8.self)), number > 0,
        let unit = units[String(decoding: text.dropFirst(digits.count), as: UTF8.self)]
    else { return nil }
    let (product, isTooLarge) = number.multipliedReportingOverflow(by: unit)
    return isTooLarge ? nil : product
}

private func twoDigits(_ number: Int64) -> String { (number < 10 ? "0" : "") + String(number) }

private func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }

private func unit(_ suffix: String) -> Int64? {
    var letters = suffix.lowercased()
    if letters.first == " " { letters.removeFirst() }
    switch letters {
    case "" where suffix.isEmpty, "b": return 1
    case "k", "kib": return 1 << 10
    case "m", "mib": return 1 << 20
    case "g", "gib": return 1 << 30
    case "t", "tib": return 1 << 40
    default: return nil
    }
}
