//! The engine through its public interface: stories, golden files, broken models, and properties.

#[cfg(test)]
mod cases;
#[cfg(test)]
mod common;
#[cfg(test)]
mod conditions;
#[cfg(test)]
mod folds;
#[cfg(test)]
mod formats;
#[cfg(test)]
mod merge;
#[cfg(test)]
mod models;
#[cfg(test)]
mod offers;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod quarantine;
#[cfg(test)]
mod record;
#[cfg(test)]
mod sessions;
#[cfg(test)]
mod thresholds;
