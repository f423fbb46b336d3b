//! TODO

pub mod jws;
pub mod keys;
mod signature;
pub mod status_list;
