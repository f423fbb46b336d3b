//! A user's sessions, and the user's part of the audit log.

use crate::{
    caller,
    context::OriginContext,
    respond::{self, ApiError, ApiResult},
};
use patrol::{
    http::api::{AuditPage, SessionList},
    registry::{EndSession, ListSessions, ReadAudit},
};
use worker::{Request, Response};

/// `GET api/v1/sessions`
pub(crate) async fn list(request: &Request, origin: OriginContext<'_>) -> ApiResult {
    let session = caller::session(request, origin.settings)?;
    let sessions = origin.call(&ListSessions { session }).await??;
    respond::json(200, &SessionList { sessions })
}

/// `DELETE api/v1/sessions/{id}`
pub(crate) async fn end(request: &Request, id: &str, origin: OriginContext<'_>) -> ApiResult {
    let call = EndSession {
        session: caller::session_for_change(request, origin.settings)?,
        id: id.parse().map_err(|_| ApiError::not_found())?,
        client: caller::client(request, origin.settings)?,
    };
    if origin.call(&call).await?? {
        Ok(Response::builder().with_status(204).empty())
    } else {
        Err(ApiError::not_found())
    }
}

/// `GET api/v1/audit?before=NUMBER`
pub(crate) async fn audit(request: &Request, origin: OriginContext<'_>) -> ApiResult {
    let session = caller::session(request, origin.settings)?;
    let before = caller::parameter(request, "before")?;
    let before = before.map(|number| number.parse::<u32>().map(u64::from));
    let before = before.transpose().map_err(|_| {
        let fix = "Write the number that `next` has in the page before.";
        ApiError::parameter_invalid("before", fix.to_owned())
    })?;
    let entries = origin.call(&ReadAudit { session, before }).await??;
    respond::json(200, &AuditPage::new(entries))
}
