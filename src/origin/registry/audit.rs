//! Appends to the audit log: a row, and a line of the Worker's log.

use super::store::{NewAuditEntry, Store};
pub(super) use patrol::audit::{PAGE_SIZE, retention_start};

use patrol::audit::AuditEntry;
use serde::Serialize;
use worker::{Result, console_log};

/// A line of the log, as log services search it.
#[derive(Serialize)]
struct Line {
    audit: AuditEntry,
}

pub(super) fn append(store: &Store, entry: &NewAuditEntry<'_>) -> Result<()> {
    let audit = store.append(entry)?;
    console_log!("{}", serde_json::to_string(&Line { audit })?);
    Ok(())
}
