//! How long public responses may be cached. Everyone learns of a revocation within
//! [`PUBLIC_MAX_AGE`]; edges learn of it sooner, by their own rules.

use patrol::jose::status_list::Validity;

/// `max-age` of public responses, in seconds.
pub(crate) const PUBLIC_MAX_AGE: u64 = 60;

/// How long an isolate serves a registry's answer from its own cache, in seconds.
pub(crate) const ANSWER_MAX_AGE: u64 = 10;

/// How long third parties may use a signed list. Their `ttl` must leave room for the time that the
/// list spent in our cache: a reader of the list does not see its `Age`.
pub(crate) const LIST_VALIDITY: Validity = Validity {
    lifetime: 15 * 60,
    ttl: PUBLIC_MAX_AGE - ANSWER_MAX_AGE,
};
