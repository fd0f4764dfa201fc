//! Workloads on this host: the process driver, its shim and its sandbox.
