//! What a change does: to resources, to reachability, to the host.
