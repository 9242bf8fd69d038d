//! The whole system: the built collector and demo shop as processes, and a browser as their visitor.
//!
//! Each module is one journey or one promise. Modules are `#[cfg(test)]`, so that their helpers may `unwrap`. A test that
//! prints a promised figure has a name that begins with `bar_`: `make bars` runs those.
