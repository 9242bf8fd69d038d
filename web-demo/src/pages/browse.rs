//! Looking around: home, departments, products, search, advice.

use askama::Template;
use axum::extract::{Path, Query};
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{missing, page};
use crate::advice::{ARTICLES, Article};
use crate::cart::item;
use crate::catalog::{CATEGORIES, Category, PRODUCTS, Product};
use crate::language::{Language, Text};
use crate::visit::{Frame, Visit};

/// Longest text that search looks for, in characters.
const LONGEST_SEARCH: usize = 64;

/// GA4's parameters of a list that is shown.
fn list_view(id: &str, name: &str, products: &[&'static Product], language: Language) -> Value {
    let items: Vec<Value> = products
        .iter()
        .enumerate()
        .map(|(index, product)| {
            let mut item = item(product, "", 1, language);
            item["index"] = Value::from(index);
            item
        })
        .collect();
    json!({ "currency": "EUR", "item_list_id": id, "item_list_name": name, "items": items })
}

#[derive(Template)]
#[template(path = "home.html")]
struct Home {
    f: Frame,
    products: Vec<&'static Product>,
    articles: &'static [Article],
}

/// `GET /`.
pub(crate) async fn home(visit: Visit) -> Response {
    let language = visit.language();
    let products: Vec<&'static Product> = ["regenjas-texel", "laars-waal", "stormparaplu-noordwester", "rugtas-dijk"]
        .into_iter()
        .filter_map(Product::find)
        .collect();
    let title = Text::new("Miezer: regenkleding voor wie toch gaat", "Miezer: rainwear for those who go anyway");
    let f = visit
        .frame(
            title.say(language),
            Text::new(
                "Jassen, laarzen en paraplu’s die tegen Nederlands weer kunnen.",
                "Coats, boots and umbrellas that can take Dutch weather.",
            ),
        )
        .ecommerce_event("view_item_list", list_view("home", "Home", &products, language));
    page(StatusCode::OK, &Home { f, products, articles: ARTICLES })
}

#[derive(Template)]
#[template(path = "category.html")]
struct CategoryPage {
    f: Frame,
    category: &'static Category,
    products: Vec<&'static Product>,
}

/// `GET /categorie/{slug}`.
pub(crate) async fn category(visit: Visit, Path(slug): Path<String>) -> Response {
    let Some(category) = CATEGORIES.iter().find(|category| category.slug == slug) else {
        return missing(&visit);
    };
    let language = visit.language();
    let products: Vec<&'static Product> = PRODUCTS.iter().filter(|product| product.category == slug).collect();
    let name = category.name.say(language);
    let f = visit
        .frame(format!("{name} · Miezer"), category.intro)
        .ecommerce_event("view_item_list", list_view(category.slug, name, &products, language));
    page(StatusCode::OK, &CategoryPage { f, category, products })
}

#[derive(Template)]
#[template(path = "product.html")]
struct ProductPage {
    f: Frame,
    product: &'static Product,
    item: String,
    related: Vec<&'static Product>,
}

/// `GET /product/{slug}`.
pub(crate) async fn product(visit: Visit, Path(slug): Path<String>) -> Response {
    let Some(product) = Product::find(&slug) else {
        return missing(&visit);
    };
    let language = visit.language();
    let seen = item(product, "", 1, language);
    let f = visit
        .frame(format!("{} · Miezer", product.name.say(language)), product.line)
        .ecommerce_event("view_item", json!({ "currency": "EUR", "value": product.price, "items": [seen] }));
    page(StatusCode::OK, &ProductPage { f, product, item: seen.to_string(), related: product.related() })
}

/// The query of a search.
#[derive(Debug, Deserialize)]
pub(crate) struct Search {
    #[serde(default)]
    q: String,
}

#[derive(Template)]
#[template(path = "search.html")]
struct SearchPage {
    f: Frame,
    query: String,
    products: Vec<&'static Product>,
    articles: Vec<&'static Article>,
}

/// `GET /zoeken?q=`.
pub(crate) async fn search(visit: Visit, Query(search): Query<Search>) -> Response {
    let language = visit.language();
    let query: String = search.q.trim().chars().take(LONGEST_SEARCH).collect();
    let wanted = query.to_lowercase();
    let found = |texts: &[Text]| {
        !wanted.is_empty() && texts.iter().any(|text| text.say(language).to_lowercase().contains(&wanted))
    };
    let products: Vec<&'static Product> = PRODUCTS
        .iter()
        .filter(|product| found(&[product.name, product.line, product.story, product.department().name]))
        .collect();
    let articles: Vec<&'static Article> =
        ARTICLES.iter().filter(|article| found(&[article.title, article.lead])).collect();
    let mut f = visit.frame(
        Text::new("Zoeken · Miezer", "Search · Miezer").say(language),
        Text::new("Zoek in de winkel en in het advies.", "Search the shop and the advice."),
    );
    if !query.is_empty() {
        f = f.gtag_event("search", json!({ "search_term": query, "results": products.len() + articles.len() }));
    }
    page(StatusCode::OK, &SearchPage { f, query, products, articles })
}

#[derive(Template)]
#[template(path = "advice.html")]
struct AdvicePage {
    f: Frame,
    articles: &'static [Article],
}

/// `GET /advies`.
pub(crate) async fn advice(visit: Visit) -> Response {
    let title = Text::new("Advies · Miezer", "Advice · Miezer").say(visit.language());
    let f = visit.frame(
        title,
        Text::new(
            "Wassen, passen, fietsen: wat wij weten van regen.",
            "Washing, fitting, cycling: what we know of rain.",
        ),
    );
    page(StatusCode::OK, &AdvicePage { f, articles: ARTICLES })
}

#[derive(Template)]
#[template(path = "article.html")]
struct ArticlePage {
    f: Frame,
    article: &'static Article,
    products: Vec<&'static Product>,
}

/// `GET /advies/{slug}`.
pub(crate) async fn article(visit: Visit, Path(slug): Path<String>) -> Response {
    let Some(article) = Article::find(&slug) else {
        return missing(&visit);
    };
    let f = visit.frame(format!("{} · Miezer", article.title.say(visit.language())), article.lead);
    let products = article.products.iter().filter_map(|slug| Product::find(slug)).collect();
    page(StatusCode::OK, &ArticlePage { f, article, products })
}
