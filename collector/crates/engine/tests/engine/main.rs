//! The engine through its public interface: stories, golden files, broken models, and properties.

#[cfg(test)]
mod bounded;
#[cfg(test)]
mod bounds;
#[cfg(test)]
mod browser_cap;
#[cfg(test)]
mod cases;
#[cfg(test)]
mod cases_b2b;
#[cfg(test)]
mod cases_exact;
#[cfg(test)]
mod cases_marketer;
#[cfg(test)]
mod common;
#[cfg(test)]
mod conditions;
#[cfg(test)]
mod corpus;
#[cfg(test)]
mod cost;
#[cfg(test)]
mod costs;
#[cfg(test)]
mod experiments;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod folds;
#[cfg(test)]
mod folds_presets;
#[cfg(test)]
mod folds_unknown;
#[cfg(test)]
mod formats;
#[cfg(test)]
mod limits;
#[cfg(test)]
mod merge;
#[cfg(test)]
mod models;
mod notices;
#[cfg(test)]
mod offers;
#[cfg(test)]
mod outlook;
#[cfg(test)]
mod price_notes;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod quarantine;
#[cfg(test)]
mod random;
#[cfg(test)]
mod record;
#[cfg(test)]
mod reference;
#[cfg(test)]
mod schema;
#[cfg(test)]
mod sessions;
#[cfg(test)]
mod speed;
#[cfg(test)]
mod thresholds;
#[cfg(test)]
mod triggers;
#[cfg(test)]
mod trust;
#[cfg(test)]
mod validator;
#[cfg(test)]
mod what_shows;
#[cfg(test)]
mod why_not;

/// The collector's: figures are taken as it runs.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;
