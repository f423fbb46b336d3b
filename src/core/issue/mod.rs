//! Creating a token: the rules that the form and the origin share, and the index that a token gets in
//! its status list.

pub mod index_permutation;
pub mod rules;
