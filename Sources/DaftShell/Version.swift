// The version, defined only here.

public let version = "0.1.0"
/// The date of that version.
public let versionDate = "November 21, 2026"
