//! The resource API: server and client.
