// The one place that says which daft this is.

public let version = "0.1.0"
