//! May this request proceed?
//!
//! [`bearer`] extracts the token, [`validator`] gathers what is known about it, [`decision`] decides.
//! [`forwarding`] is what the upstream gets of an allowed request, [`refusal_log`] which refusals
//! are logged.

pub mod bearer;
pub mod decision;
pub mod forwarding;
pub mod refusal_log;
pub mod validator;
