//! End to end, on the real runtime. Files are named after the route and the action; `forward_*` are
//! the routes of the policy, which the edge forwards to the upstream.

mod accounts;
mod auth_dev;
mod authorize;
mod common;
mod crash;
mod edge_signature;
mod forward_bodies;
mod forward_denials;
mod forward_headers;
mod forward_path;
mod forward_upstream;
mod jose;
mod leaks;
mod logs;
mod paths;
mod policy;
mod preflight;
mod public_routes;
mod query_plan;
mod rbac_off;
mod ready;
mod registry;
mod restart;
mod scopes_get;
mod sessions;
mod settings;
mod status_aggregation_get;
mod status_list_get;
mod status_list_kv;
mod streams;
mod tokens_create;
mod tokens_current;
mod tokens_list;
mod tokens_revoke;
mod variants;
