// Keeps a process alive whose peer under MPI has died. There is nothing to call: linking this target is enough.
