// The one place that says which daft this is.

public let version = "0.1.0"
/// When that version was made.
public let versionDate = "November 21, 2026"
