//! TODO

pub mod index_permutation;
pub mod rules;
