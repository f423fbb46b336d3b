//! TODO

pub mod known_list;
pub mod lease;
pub mod single_flight;
pub mod usage;
