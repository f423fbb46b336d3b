//! TODO

pub mod bearer;
pub mod decision;
pub mod forwarding;
pub mod refusal_log;
pub mod validator;
