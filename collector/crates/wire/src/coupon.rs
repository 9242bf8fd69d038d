//! What a shop's till asks of a coupon code: whether it is good, and that it is used.

use serde::Serialize;
use utoipa::ToSchema;

use crate::fault::EnvelopeFault;
use crate::limits;
use crate::who::{fault, read, text};

/// Body of `POST /v1/server/coupons/verify`, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifyRequest {
    /// The code as it was typed.
    pub code: String,
    /// Who wants to use it: signed id or bare; not verified yet.
    pub visitor: Option<String>,
    /// How many fields nobody reads.
    pub ignored: u32,
}

/// Body of `POST /v1/server/coupons/redeem`, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RedeemRequest {
    /// The code, and who wants to use it.
    pub verify: VerifyRequest,
    /// The order that uses it.
    pub transaction: String,
}

impl VerifyRequest {
    /// Reads a body.
    ///
    /// # Errors
    /// [`EnvelopeFault`] says what was found and what is allowed.
    pub fn parse(body: &[u8]) -> Result<Self, EnvelopeFault> {
        let ((code, visitor), ignored) = read(body, |fields| Ok((text(fields, "code")?, text(fields, "visitor")?)))?;
        Ok(Self { code: code.ok_or_else(|| fault("code is required"))?, visitor, ignored })
    }
}

impl RedeemRequest {
    /// Reads a body.
    ///
    /// # Errors
    /// [`EnvelopeFault`] says what was found and what is allowed.
    pub fn parse(body: &[u8]) -> Result<Self, EnvelopeFault> {
        let ((code, visitor, transaction), ignored) = read(body, |fields| {
            Ok((text(fields, "code")?, text(fields, "visitor")?, text(fields, "transaction_id")?))
        })?;
        let transaction = transaction.ok_or_else(|| fault("transaction_id is required"))?;
        if !(1..=limits::ID_BYTES).contains(&transaction.len()) || transaction.contains(char::is_control) {
            return Err(fault(format!("transaction_id must be text of 1 to {} bytes", limits::ID_BYTES)));
        }
        let code = code.ok_or_else(|| fault("code is required"))?;
        Ok(Self { verify: VerifyRequest { code, visitor, ignored }, transaction })
    }
}

/// The answer to `POST /v1/server/coupons/verify` and `…/redeem`: what is known of a code.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct CouponAnswer {
    /// Version of the wire: 1.
    pub v: u8,
    /// Of `verify`: whether it may be used. Of `redeem`: whether this order has it.
    pub valid: bool,
    /// Why not: `unknown` (nobody was given it, or they were erased), `expired`, `already_redeemed` (by another order).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
    /// The offer that it was given with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub offer: Option<String>,
    /// The visitor whom it was given to, as their lead is called now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub visitor: Option<String>,
    /// When it was given, ms since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub granted: Option<i64>,
    /// The last day on which it is good, `2026-12-09`, in the site's time zone; absent where it does not end by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires: Option<String>,
    /// The order that used it first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub redeemed: Option<Redeemed>,
    /// Whether it is in other hands than its visitor's: the visitor in the request is somebody else, or an order that used it is.
    pub leaked: bool,
    /// Fields that nobody reads.
    #[serde(skip_serializing_if = "is_zero")]
    pub ignored: u32,
}

/// The order that used a code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Redeemed {
    /// The shop's number of it.
    pub transaction_id: String,
    /// When that was told, ms since 1970.
    pub at: i64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
const fn is_zero(number: &u32) -> bool {
    *number == 0
}
