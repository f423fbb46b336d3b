//! How a revocation reaches every edge before its call returns.
//!
//! [`lease`] has the argument: how long an edge may act on a list. [`known_list`] is an edge's copy
//! of a status list, [`freshness`] decides whether it is recent enough, [`single_flight`] when the
//! edge fetches a newer one, and [`usage`] is what the edge reports when it does. [`known_lists`]
//! holds all of it for each list.

pub mod freshness;
pub mod known_list;
pub mod known_lists;
pub mod lease;
pub mod single_flight;
pub mod usage;
