//! The loop: observe, compile, plan, apply, status.
