//! How a revocation reaches every edge before its call returns.
//!
//! [`lease`] is the argument: who may act on what for how long. [`known_list`] is what an edge knows
//! of a status list, [`freshness`] whether that is recent enough, [`single_flight`] when the edge
//! asks for more, and [`usage`] what it reports when it does.

pub mod freshness;
pub mod known_list;
pub mod lease;
pub mod single_flight;
pub mod usage;
