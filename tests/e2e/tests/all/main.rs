//! End to end, on the real runtime.

mod bounds;
mod crash;
mod edge;
mod jose;
mod origin;
mod promise;
mod query_plan;
mod rbac_off;
mod registry;
mod restart;
mod revocation;
mod settings;
mod status_list;
mod streaming;
mod traces;
mod wire;
