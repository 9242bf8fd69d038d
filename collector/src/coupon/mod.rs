//! Pools of codes that a shop brings: read from its file.

pub mod codes;
