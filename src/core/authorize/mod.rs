//! May this request proceed?
//!
//! [`credentials`] and [`subprotocol`] find the token, [`validator`] gathers what is known about it,
//! [`decision`] decides. [`forwarding`] defines which headers the upstream gets, [`stream`] how long an open
//! connection lives, [`refusal_log`] which refusals are logged.

pub mod credentials;
pub mod decision;
pub mod forwarding;
pub mod refusal_log;
pub mod stream;
pub mod subprotocol;
pub mod validator;
