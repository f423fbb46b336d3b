//! The configurations of `deploy/proxies`, on the real proxies, in front of the real edge and the
//! sample API. Every test asks all of them.

mod bodies;
mod headers;
mod outages;
mod own_paths;
mod paths;
mod refusals;
mod setup;
