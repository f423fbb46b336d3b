//! Creating a token: the rules that a request must meet, and the order in which a status list
//! hands out its indexes.
//!
//! Left out: the quotas ([`crate::quota`]) and everything that needs the stored tokens, which the
//! registry does.

pub mod index_permutation;
pub mod rules;
pub mod token_length;
