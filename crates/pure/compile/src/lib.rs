//! From the model to what one host must have: tables, ports, workloads.
