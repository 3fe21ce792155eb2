// A door and its clients in one process.
