"""What every benchmark of the cluster in a box stands on: the box, the machine, timing, results, tables and plots."""
