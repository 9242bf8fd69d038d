//! The request bodies as types, for the API description. Bodies are read by [`crate::Envelope`], which is more lenient;
//! a test holds the two together by WIRE.md's own examples.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Body of `POST /v1/events`.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EventsRequest {
    /// Version: 1.
    #[schema(example = 1)]
    pub v: u8,
    /// The site's public write key.
    #[schema(example = "demo-shop")]
    pub site: String,
    /// 22 base64url characters made once by the page.
    #[schema(example = "Zm9vYmFyYmF6cXV4MTIzNA")]
    pub seed: Option<String>,
    /// The signed id of an earlier answer.
    pub id: Option<String>,
    /// 8 to 32 base64url characters.
    #[schema(example = "q83vEjRWeJCrze8S")]
    pub stream: String,
    /// The device's clock at sending, ms since 1970.
    #[schema(example = 1_790_000_001_250_i64)]
    pub sent: i64,
    /// Consent.
    pub consent: ConsentBody,
    /// Global Privacy Control.
    pub gpc: Option<bool>,
    /// The page has begun a new visitor: a cookie of the one before does not count.
    pub reset: Option<bool>,
    /// A program drives the page's browser (`navigator.webdriver`).
    pub driven: Option<bool>,
    /// Somebody has used the page: real input on it, or in this visit.
    pub person: Option<bool>,
    /// The page of every event without one of its own.
    pub page: Option<PageBody>,
    /// Up to 50 events.
    #[serde(default)]
    pub events: Vec<EventBody>,
    /// Events that were acknowledged a moment ago, 20 at most, for the decision to see.
    pub acknowledged: Option<Vec<EventBody>>,
    /// Ask for a decision in the same answer.
    pub decide: Option<DecideBody>,
}

/// Body of `POST /v1/decide`.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DecideRequest {
    /// Version: 1.
    #[schema(example = 1)]
    pub v: u8,
    /// The site's public write key.
    #[schema(example = "demo-shop")]
    pub site: String,
    /// 22 base64url characters made once by the page.
    #[schema(example = "Zm9vYmFyYmF6cXV4MTIzNA")]
    pub seed: Option<String>,
    /// The signed id of an earlier answer.
    pub id: Option<String>,
    /// 8 to 32 base64url characters.
    #[schema(example = "q83vEjRWeJCrze8S")]
    pub stream: String,
    /// The device's clock at sending, ms since 1970.
    #[schema(example = 1_790_000_001_250_i64)]
    pub sent: i64,
    /// Consent.
    pub consent: ConsentBody,
    /// Global Privacy Control.
    pub gpc: Option<bool>,
    /// The page has begun a new visitor: a cookie of the one before does not count.
    pub reset: Option<bool>,
    /// A program drives the page's browser (`navigator.webdriver`).
    pub driven: Option<bool>,
    /// Somebody has used the page: real input on it, or in this visit.
    pub person: Option<bool>,
    /// The page that asks.
    pub page: Option<PageBody>,
    /// Events that were acknowledged a moment ago, 20 at most, for the decision to see.
    pub acknowledged: Option<Vec<EventBody>>,
    /// What is asked.
    pub decide: DecideBody,
}

/// Consent as the page knows it.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ConsentBody {
    /// `granted`, `denied`, `required` or `cookieless`.
    #[schema(example = "granted")]
    pub state: String,
    /// Which text was agreed to.
    pub version: Option<String>,
    /// What recorded it.
    pub source: Option<String>,
}

/// A page.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PageBody {
    /// Address.
    pub url: Option<String>,
    /// Address of the page before.
    pub referrer: Option<String>,
    /// Title.
    pub title: Option<String>,
    /// Language.
    pub language: Option<String>,
    /// Width in CSS pixels.
    pub viewport: Option<u32>,
}

/// An event.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EventBody {
    /// Sequence number in the stream.
    #[schema(example = 1)]
    pub n: Option<u64>,
    /// A server's own id.
    pub id: Option<String>,
    /// Name.
    #[schema(example = "page_view")]
    pub name: String,
    /// The device's clock when it happened, ms since 1970.
    #[schema(example = 1_790_000_001_000_i64)]
    pub time: i64,
    /// The page, when it differs.
    pub page: Option<PageBody>,
    /// Amount, decimal text.
    pub value: Option<String>,
    /// ISO 4217.
    pub currency: Option<String>,
    /// Id of a purchase or refund.
    pub transaction_id: Option<String>,
    /// Items.
    #[serde(default)]
    pub items: Vec<ItemBody>,
    /// Further facts.
    #[serde(default)]
    pub properties: BTreeMap<String, serde_json::Value>,
    /// The offer this is about.
    pub offer: Option<String>,
    /// The decision that showed it.
    pub decision: Option<String>,
    /// Address given with a sign-up.
    pub email: Option<String>,
}

/// Body of `POST /v1/server/events`.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ServerEventsRequest {
    /// Version: 1.
    #[schema(example = 1)]
    pub v: u8,
    /// Up to 50 events, of any of the site's visitors.
    pub events: Vec<ServerEventBody>,
}

/// An event of the shop's server.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ServerEventBody {
    /// The source's own id of the event, 1 to 64 visible ASCII characters: the same on every retry.
    #[schema(example = "mail-7781:open")]
    pub id: String,
    /// Name.
    #[schema(example = "email_open")]
    pub name: String,
    /// When it happened, ms since 1970; on receipt when absent.
    pub time: Option<i64>,
    /// The signed id that a page or cookie holds, or the visitor's id. This or `person`.
    pub visitor: Option<String>,
    /// The shop's own stable id of a person, who may never have visited.
    #[schema(example = "customer-1017")]
    pub person: Option<String>,
    /// Which tool tells it: 8 to 32 of a-z A-Z 0-9 _ -; `server00` when absent.
    #[schema(example = "mail-tool")]
    pub source: Option<String>,
    /// Where the visit came from: `direct`, `organic`, `paid`, `social`, `email` or `referral`.
    pub channel: Option<String>,
    /// The page that it is about.
    pub page: Option<PageBody>,
    /// Amount, decimal text.
    pub value: Option<String>,
    /// ISO 4217.
    pub currency: Option<String>,
    /// Id of a purchase or refund.
    pub transaction_id: Option<String>,
    /// Items.
    #[serde(default)]
    pub items: Vec<ItemBody>,
    /// Further facts.
    #[serde(default)]
    pub properties: BTreeMap<String, serde_json::Value>,
    /// The offer this is about.
    pub offer: Option<String>,
    /// The decision that showed it.
    pub decision: Option<String>,
    /// Address given with a sign-up.
    pub email: Option<String>,
}

/// An item.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ItemBody {
    /// The shop's id of the article.
    pub id: String,
    /// Name.
    pub name: Option<String>,
    /// Category.
    pub category: Option<String>,
    /// Variant.
    pub variant: Option<String>,
    /// Price of one, decimal text.
    pub price: Option<String>,
    /// How many; 1 when absent.
    pub quantity: Option<u32>,
}

/// What a decision is asked about.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DecideBody {
    /// Places the page can fill.
    pub slots: Option<Vec<String>>,
    /// Facts of the moment.
    #[serde(default)]
    pub properties: BTreeMap<String, serde_json::Value>,
    /// An offer whose goal was reached.
    pub claim: Option<String>,
    /// Ask why other offers did not show.
    #[serde(default)]
    pub explain: bool,
}

/// Body of `POST /v1/server/merge`.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MergeBody {
    /// Version: 1.
    #[schema(example = 1)]
    pub v: u8,
    /// The signed id that a page or cookie holds, or the visitor's id.
    pub visitor: String,
    /// The shop's own stable id of the person whom this visitor turned out to be. This or `into`.
    #[schema(example = "customer-1017")]
    pub person: Option<String>,
    /// Another visitor who is the same person: their signed id, or their id.
    pub into: Option<String>,
}

/// Body of `POST /v1/server/explain`.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ExplainBody {
    /// Version: 1.
    #[schema(example = 1)]
    pub v: u8,
    /// The signed id that a page or cookie holds, or the visitor's id. This or `person`.
    pub visitor: Option<String>,
    /// The shop's own stable id of a person.
    #[schema(example = "customer-1017")]
    pub person: Option<String>,
    /// The page that would ask.
    pub page: Option<PageBody>,
    /// What it would ask: `slots` and `properties`.
    pub decide: Option<DecideBody>,
}

/// Body of `POST /v1/server/links`.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LinkBody {
    /// Version: 1.
    #[schema(example = 1)]
    pub v: u8,
    /// The shop's own stable id of the person whom the link is for.
    #[schema(example = "customer-1017")]
    pub person: String,
    /// Labels that whoever opens it gets: at most 10, of 1 to 64 bytes.
    #[serde(default)]
    pub labels: Vec<String>,
    /// Whether who opens it is this person. Not for mails that are forwarded.
    #[serde(default)]
    pub merge: bool,
    /// For how long it is good: `1m` to `90d`; `30d` when absent.
    #[schema(example = "30d")]
    pub valid_for: Option<String>,
    /// An address of the shop to put the token into.
    #[schema(example = "https://shop.example/welkom")]
    pub url: Option<String>,
}

/// Body of `POST /v1/server/coupons/verify`.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct VerifyBody {
    /// Version: 1.
    #[schema(example = 1)]
    pub v: u8,
    /// The code as it was typed.
    #[schema(example = "WARM-29KFQ-PSWSC-E6W4J-MM6ZQ-WFT94-03TC4")]
    pub code: String,
    /// Who wants to use it: the signed id that a page or cookie holds, or the visitor's id.
    pub visitor: Option<String>,
}

/// Body of `POST /v1/server/coupons/redeem`.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RedeemBody {
    /// Version: 1.
    #[schema(example = 1)]
    pub v: u8,
    /// The code as it was typed.
    #[schema(example = "WARM-29KFQ-PSWSC-E6W4J-MM6ZQ-WFT94-03TC4")]
    pub code: String,
    /// The shop's number of the order that uses it: 1 to 64 bytes.
    #[schema(example = "T-10017")]
    pub transaction_id: String,
    /// Who orders: the signed id that a page or cookie holds, or the visitor's id.
    pub visitor: Option<String>,
}
