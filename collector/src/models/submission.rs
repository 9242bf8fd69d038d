//! A model that somebody hands in, as TOML or JSON: read, compiled, looked over.

use engine::model::{ModelWarning, warnings};
use engine::tree::Tree;
use engine::{Millis, Model, ModelError};

use super::json::{self, JsonError};
use super::{Edition, ModelsError, title, toml_text};
use crate::coupon::pools;
use crate::site::Site;

/// What is no fault of a draft, since the site's configuration may follow.
fn unpublishable(fault: ModelError) -> ModelWarning {
    let ModelError { path, line, found, allowed } = fault;
    ModelWarning { path, line, found, advice: format!("it cannot be published here: allowed is {allowed}") }
}

/// How it is written.
#[derive(Debug, Clone, Copy)]
pub enum Written<'a> {
    /// As TOML: kept as it is, comments and all.
    Toml(&'a str),
    /// As JSON: kept as the TOML that says the same.
    Json(&'a str),
}

/// A model without faults, on its way to the shelf.
pub struct Submission {
    /// The model.
    pub model: Model,
    /// What in it is most likely a mistake.
    pub warnings: Vec<ModelWarning>,
    /// What it says: see [`json::digest`].
    pub digest: String,
    text: String,
    /// Whether the text is ours, so that only what it says tells it from others.
    converted: bool,
}

impl Submission {
    /// Reads a model for a site.
    ///
    /// # Errors
    /// Every fault of it; JSON that is none.
    pub fn read(site: &Site, written: Written<'_>, now: Millis) -> Result<Self, ModelsError> {
        let faulty = |faults: Vec<ModelError>| ModelsError::Faults { what: "the text".to_owned(), faults };
        let tree = match written {
            Written::Toml(text) => Tree::parse(text).map_err(faulty)?,
            Written::Json(text) => json::read(text).map_err(|error| match error {
                JsonError::Malformed(detail) => ModelsError::Malformed(detail),
                JsonError::Faults(faults) => faulty(faults),
            })?,
        };
        let model = Model::from_tree(&tree, &site.facts(now)).map_err(faulty)?;
        let mut warnings = warnings(&model, &tree);
        warnings.extend(pools::unknown(&model, site.config.pools.keys()).into_iter().map(unpublishable));
        let tree = json::settled(tree);
        let (text, converted) = match written {
            Written::Toml(text) => (text.to_owned(), false),
            Written::Json(_) => (toml_text::write(&tree), true),
        };
        let digest = json::digest(&tree).map_err(|error| ModelsError::Broken(error.to_string()))?;
        Ok(Self { warnings, model, digest, text, converted })
    }

    /// The model as TOML.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// As the model calls itself: `name` and `version`.
    #[must_use]
    pub fn title(&self) -> String {
        title(&self.model)
    }

    /// Whether a version on the shelf is this one already.
    pub(super) fn is(&self, edition: &Edition) -> bool {
        let says = || json::digest(&json::settled(Tree::parse(&edition.text).ok()?)).ok();
        // What is called otherwise says something else, and need not be read.
        edition.text == self.text
            || self.converted && edition.title == self.title() && says().as_ref() == Some(&self.digest)
    }
}
