//! Is a token revoked? For now the registry is asked on every request.

use crate::settings::Settings;
use patrol::{
    registry::{Call, Reply},
    token::StatusReference,
    verdict::Revocation,
};
use patrol_platform::call_registry;
use worker::{Env, console_error};

/// The status of a token, as of now. What goes wrong makes it unavailable, never valid.
pub(crate) async fn status(
    reference: StatusReference,
    env: &Env,
    settings: &Settings,
) -> Revocation {
    let registry = reference.list.registry;
    if registry >= settings.installation.registries {
        return Revocation::Unavailable;
    }
    match call_registry(env, registry, Call::Status(reference)).await {
        Ok(Reply::Status(status)) => Revocation::Known(status),
        Ok(_) => Revocation::Unavailable,
        Err(error) => {
            console_error!("edge: registry {registry}: {error}");
            Revocation::Unavailable
        }
    }
}
