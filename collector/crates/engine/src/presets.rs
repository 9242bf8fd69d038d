//! Presets: complete, commented models to start from.

/// Names of the presets there are, the default first.
pub const NAMES: [&str; 3] = ["b2c", "b2b", "exact"];

/// A name that is no preset's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown preset {found:?}, allowed: {}", NAMES.join(", "))]
pub struct UnknownPreset {
    /// The name asked for.
    pub found: String,
}

/// The text of a preset, to be parsed like any model.
#[must_use]
pub fn preset(name: &str) -> Option<&'static str> {
    match name {
        "b2c" => Some(include_str!("presets/b2c.toml")),
        "b2b" => Some(include_str!("presets/b2b.toml")),
        "exact" => Some(include_str!("presets/exact.toml")),
        _ => None,
    }
}

/// The text of a preset, or an error that lists the names there are.
///
/// # Errors
/// When there is no such preset.
pub fn find(name: &str) -> Result<&'static str, UnknownPreset> {
    preset(name).ok_or_else(|| UnknownPreset { found: name.to_owned() })
}
