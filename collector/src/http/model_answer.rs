//! How a version of a model is answered: as JSON with what is known of it, or as the TOML text that people edit.

use axum::Json;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use engine::model::ModelWarning;
use engine::tree::Tree;
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};
use utoipa::ToSchema;

use crate::models::{Edition, Seen, Shelf, State, json};
use crate::problem::Problem;

/// The media type of TOML (its IANA registration).
pub(super) const TOML: &str = "application/toml";
/// Behind the entity tag of a TOML answer: two forms of one thing have two tags (RFC 9110, 8.8.3).
const TOML_TAG: &str = "-toml";

/// What is known of a version.
#[derive(Debug, Serialize, ToSchema)]
pub struct ModelVersion {
    /// Its number on the shelf of the site, from 1.
    pub version: u32,
    /// `in_force`, `draft` or `retired`.
    pub state: State,
    /// As the model calls itself: `name` and `version`.
    pub title: String,
    /// What it says, in TOML or JSON, with or without comments: SHA-256, in hexadecimal, of its JSON without white space,
    /// keys in alphabetical order.
    pub digest: String,
    /// How it came onto the shelf.
    pub imported: Imported,
    /// How it came into force, the last time last.
    pub published: Vec<Published>,
}

/// How a version came onto the shelf.
#[derive(Debug, Serialize, ToSchema)]
pub struct Imported {
    /// When, ms since 1970.
    pub at: i64,
    /// By whom, as they call themselves.
    pub by: String,
}

/// How a version came into force.
#[derive(Debug, Serialize, ToSchema)]
pub struct Published {
    /// When, ms since 1970.
    pub at: i64,
    /// By whom, as they call themselves.
    pub by: String,
    /// Whether stages that it changed are announced like any other change.
    pub notify: bool,
}

/// A version with its model.
#[derive(Debug, Serialize, ToSchema)]
pub struct ModelBody {
    #[serde(flatten)]
    about: ModelVersion,
    /// The model, as `model.schema.json` has it.
    #[schema(value_type = Object)]
    model: Box<RawValue>,
}

/// Something in a model that is allowed and most likely a mistake.
#[derive(Debug, Serialize, ToSchema)]
pub struct WarningBody {
    /// Where, such as `rules[3].when.all`.
    pub path: String,
    /// The line of the text that was sent, from 1.
    pub line: Option<u32>,
    /// What stands there, and what follows from it.
    pub found: String,
    /// What to do about it.
    pub advice: String,
}

impl From<&ModelWarning> for WarningBody {
    fn from(ModelWarning { path, line, found, advice }: &ModelWarning) -> Self {
        Self { path: path.clone(), line: *line, found: found.clone(), advice: advice.clone() }
    }
}

fn tree(edition: &Edition) -> Result<Tree, Problem> {
    Tree::parse(&edition.text).map(json::settled).map_err(Problem::BadModel)
}

fn not_json(error: &serde_json::Error) -> Problem {
    Problem::Internal(format!("a model on the shelf is no JSON: {error}"))
}

impl ModelVersion {
    /// A version of a shelf.
    ///
    /// # Errors
    /// When its text does not read any more.
    pub(super) fn of(shelf: &Shelf, edition: &Edition) -> Result<Self, Problem> {
        Self::read(shelf, edition, &tree(edition)?)
    }

    fn read(shelf: &Shelf, edition: &Edition, tree: &Tree) -> Result<Self, Problem> {
        let published = edition.published.iter();
        Ok(Self {
            version: edition.number,
            state: shelf.state(edition),
            title: edition.title.clone(),
            digest: json::digest(tree).map_err(|error| not_json(&error))?,
            imported: Imported { at: edition.imported.0, by: edition.by.clone() },
            published: published
                .map(|one| Published { at: one.at.0, by: one.by.clone(), notify: one.notify })
                .collect(),
        })
    }
}

/// Answers a version, as the request's `Accept` wants it.
pub(super) fn answer(shelf: &Shelf, edition: &Edition, headers: &HeaderMap) -> Result<Response, Problem> {
    let toml = wants_toml(headers);
    let mut response = if toml {
        ([(header::CONTENT_TYPE, HeaderValue::from_static("application/toml; charset=utf-8"))], edition.text.clone())
            .into_response()
    } else {
        let tree = tree(edition)?;
        let model = to_raw_value(&json::AsJson(&tree)).map_err(|error| not_json(&error))?;
        Json(ModelBody { about: ModelVersion::read(shelf, edition, &tree)?, model }).into_response()
    };
    let tag = tag(Seen { number: edition.number, times: edition.published.len() }, toml);
    let location = format!("/v1/server/models/{}", edition.number);
    for (name, value) in [(header::ETAG, tag), (header::CONTENT_LOCATION, location)] {
        insert(&mut response, name, &value);
    }
    response.headers_mut().insert(header::VARY, HeaderValue::from_static("accept"));
    Ok(response)
}

/// Sets a header whose text is made of numbers and the like.
pub(super) fn insert(response: &mut Response, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
}

/// JSON unless TOML stands first of the two.
fn wants_toml(headers: &HeaderMap) -> bool {
    let listed = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let types = listed.flat_map(|list| list.split(',')).filter_map(|one| one.split(';').next()).map(str::trim);
    let mut known = types.filter(|one| [TOML, "application/json", "application/*", "*/*"].contains(one));
    known.next() == Some(TOML)
}

/// The entity tag of a version: it changes with everything that an answer about it says.
pub(super) fn tag(Seen { number, times }: Seen, toml: bool) -> String {
    format!("\"{number}.{times}{}\"", if toml { TOML_TAG } else { "" })
}

/// What `If-Match` lists; `None`: there is none, or it is `*`. What is no tag of ours is nothing that was seen.
pub(super) fn if_match(headers: &HeaderMap) -> Option<Vec<Seen>> {
    let listed: Vec<&str> =
        headers.get_all(header::IF_MATCH).iter().map(|value| value.to_str().unwrap_or("?")).collect();
    if listed.is_empty() || listed.iter().any(|list| list.trim() == "*") {
        return None;
    }
    let seen = |tag: &str| {
        let tag = tag.trim().strip_prefix('"')?.strip_suffix('"')?;
        let (number, times) = tag.strip_suffix(TOML_TAG).unwrap_or(tag).split_once('.')?;
        Some(Seen { number: number.parse().ok()?, times: times.parse().ok()? })
    };
    Some(listed.iter().flat_map(|list| list.split(',')).filter_map(seen).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: HeaderName, values: &[&'static str]) -> HeaderMap {
        values.iter().map(|value| (name.clone(), HeaderValue::from_static(value))).collect()
    }

    #[test]
    fn toml_is_for_who_names_it_before_json() {
        for (accept, toml) in [
            (vec![], false),
            (vec!["*/*"], false),
            (vec!["text/html"], false),
            (vec!["application/toml"], true),
            (vec!["text/plain, application/toml;q=0.9"], true),
            (vec!["application/json, application/toml"], false),
            (vec!["text/plain", "application/toml, */*;q=0.1"], true),
        ] {
            assert_eq!(wants_toml(&headers(header::ACCEPT, &accept)), toml, "{accept:?}");
        }
    }

    #[test]
    fn what_was_seen_is_read_from_the_tags_that_were_given() {
        let known = Seen { number: 3, times: 12 };
        let given = |values: &[&'static str]| if_match(&headers(header::IF_MATCH, values));

        for toml in [false, true] {
            let tag: &'static str = tag(known, toml).leak();
            assert_eq!(given(&[tag]), Some(vec![known]));
        }
        assert_eq!(given(&["\"1.1\", \"3.12\""]), Some(vec![Seen { number: 1, times: 1 }, known]));
        for none in ["W/\"3.12\"", "3.12", "\"3\"", "\"x.y\"", "", "\""] {
            assert_eq!(given(&[none]), Some(vec![]), "{none} is no strong tag of ours: nothing matches");
        }
        assert_eq!((given(&[]), given(&["*"])), (None, None));
    }
}
