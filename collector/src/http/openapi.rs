//! The description of the interface: as JSON for tools, as a page for people.

use askama::Template;
use axum::Json;
use axum::response::{Html, IntoResponse, Response};
use serde_json::Value;
use utoipa::OpenApi;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};

use crate::problem::Problem;

/// Everything this collector answers.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Gloed",
        description = "Events of shop pages in, lead scores and offers out. The wire is described in full in WIRE.md.",
        license(name = "Apache-2.0", identifier = "Apache-2.0")
    ),
    tags(
        (name = "public", description = "The public listener: browsers come here"),
        (name = "private", description = "The private listener: the shop's server and its people"),
        (name = "health", description = "Both listeners"),
    ),
    paths(
        super::events::post,
        super::decide::post,
        super::snippet::get,
        super::visitors::get,
        super::visitors::delete,
        super::server_events::post,
        super::server_merge::post,
        super::server_links::post,
        super::server_coupons::verify,
        super::server_coupons::redeem,
        super::server_explain::post,
        super::experiments::get,
        super::outbox::get,
        super::outbox::acknowledge,
        super::model::get,
        super::models::get,
        super::models::post,
        super::models::check,
        super::model_version::get,
        super::model_version::publish,
        super::model_schema::get,
        super::health::live,
        super::health::ready,
        super::health::metrics,
    ),
    modifiers(&ServerKey)
)]
pub struct Description;

struct ServerKey;

impl utoipa::Modify for ServerKey {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        let scheme = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some("The site's server key, from secrets.toml in the data folder"))
            .build();
        let components = openapi.components.get_or_insert_default();
        components.add_security_scheme("server_key", SecurityScheme::Http(scheme));
    }
}

/// The description as pretty JSON.
///
/// # Errors
/// Never for this type.
pub fn json() -> Result<String, serde_json::Error> {
    Description::openapi().to_pretty_json()
}

/// `GET /openapi.json`.
pub async fn document() -> Json<utoipa::openapi::OpenApi> {
    Json(Description::openapi())
}

/// One operation as the page shows it.
struct Operation {
    method: String,
    path: String,
    summary: String,
    description: String,
    tag: String,
    request: Option<String>,
    responses: Vec<(String, String, String)>,
    needs_key: bool,
}

/// One type as the page shows it.
struct Schema {
    name: String,
    description: String,
    fields: Vec<(String, String, bool, String)>,
}

#[derive(Template)]
#[template(path = "openapi.html")]
struct Page {
    version: &'static str,
    operations: Vec<Operation>,
    schemas: Vec<Schema>,
}

/// `GET /openapi`.
///
/// # Errors
/// When the description does not render, which a test rules out.
pub async fn page() -> Result<Response, Problem> {
    let description =
        serde_json::to_value(Description::openapi()).map_err(|error| Problem::Internal(error.to_string()))?;
    let page = Page {
        version: env!("CARGO_PKG_VERSION"),
        operations: operations(&description),
        schemas: schemas(&description),
    };
    let html = page.render().map_err(|error| Problem::Internal(error.to_string()))?;
    Ok(Html(html).into_response())
}

fn text(value: &Value, name: &str) -> String {
    value[name].as_str().unwrap_or_default().to_owned()
}

/// The last part of `#/components/schemas/Name`.
fn referenced(value: &Value) -> Option<String> {
    let reference = value["$ref"].as_str()?;
    reference.rsplit('/').next().map(str::to_owned)
}

fn body_type(content: &Value) -> Option<String> {
    let media = content.as_object()?.values().next()?;
    referenced(&media["schema"]).or_else(|| media["schema"]["type"].as_str().map(str::to_owned))
}

fn operations(description: &Value) -> Vec<Operation> {
    let mut operations = Vec::new();
    for (path, methods) in description["paths"].as_object().into_iter().flatten() {
        for (method, operation) in methods.as_object().into_iter().flatten() {
            let responses = operation["responses"].as_object().into_iter().flatten();
            operations.push(Operation {
                method: method.to_uppercase(),
                path: path.clone(),
                summary: text(operation, "summary"),
                description: text(operation, "description"),
                tag: operation["tags"][0].as_str().unwrap_or_default().to_owned(),
                request: body_type(&operation["requestBody"]["content"]),
                responses: responses
                    .map(|(status, response)| {
                        let body = body_type(&response["content"]).unwrap_or_default();
                        (status.clone(), text(response, "description"), body)
                    })
                    .collect(),
                needs_key: operation["security"].is_array(),
            });
        }
    }
    let order = |tag: &str| ["public", "private", "health"].iter().position(|known| *known == tag);
    operations.sort_by_key(|operation| (order(&operation.tag), operation.path.clone(), operation.method.clone()));
    operations
}

fn schemas(description: &Value) -> Vec<Schema> {
    let schemas = description["components"]["schemas"].as_object().into_iter().flatten();
    schemas
        .map(|(name, schema)| {
            // A type that holds another one whole has its own fields in a part beside that one.
            let parts = || std::iter::once(schema).chain(schema["allOf"].as_array().into_iter().flatten());
            let required: Vec<&str> =
                parts().filter_map(|part| part["required"].as_array()).flatten().filter_map(Value::as_str).collect();
            let properties = parts().filter_map(|part| part["properties"].as_object()).flatten();
            Schema {
                name: name.clone(),
                description: text(schema, "description"),
                fields: properties
                    .map(|(field, property)| {
                        let required = required.contains(&field.as_str());
                        (field.clone(), type_name(property), required, text(property, "description"))
                    })
                    .collect(),
            }
        })
        .collect()
}

/// A type in a word or two: `text`, `list of Item`, `Page or null`.
fn type_name(property: &Value) -> String {
    if let Some(name) = referenced(property) {
        return name;
    }
    if let Some(choices) = property["oneOf"].as_array() {
        return choices.iter().map(type_name).filter(|name| name != "null").collect::<Vec<_>>().join(" or ");
    }
    let kind = match &property["type"] {
        Value::String(kind) => kind.as_str(),
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).find(|kind| *kind != "null").unwrap_or("any"),
        _ => "any",
    };
    match kind {
        "array" => format!("list of {}", type_name(&property["items"])),
        "string" => "text".to_owned(),
        other => other.to_owned(),
    }
}
