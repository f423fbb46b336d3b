//! May this request proceed?
//!
//! [`credentials`] and [`subprotocol`] find the token, [`validator`] gathers what is known about it,
//! [`decision`] decides. [`forward_auth`] reads the questions of other proxies, [`client_address`] who
//! the client is. [`forwarding`] defines which headers the upstream gets, [`stream`] how long an open
//! connection lives, [`refusal_log`] which refusals are logged.

pub mod client_address;
pub mod credentials;
pub mod decision;
pub mod forward_auth;
pub mod forwarding;
pub mod refusal_log;
pub mod stream;
pub mod subprotocol;
pub mod validator;
