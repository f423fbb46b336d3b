//! Converts the page's values to Rust types by hand.
//!
//! Core's types implement serde's `Deserialize`, but a serde deserializer would take half of this
//! module's size. The browser has a JSON parser, so we only look up members by name.

use crate::{
    form::{FormInput, FormState},
    message::{ServerFieldError, ServerProblem},
    table::TableInput,
};
use patrol::{
    http::{
        api::{Me, OrganizationView, TokenRecord, TokenStatus},
        idempotency::IdempotencyKey,
    },
    policy::{Group, Scope},
    time::Timestamp,
};
use std::{fmt, str::FromStr};

/// A JavaScript value, as far as JSON can express it.
#[derive(Debug, Clone, PartialEq)]
pub enum Json {
    /// `null`, `undefined`, or a value that JSON cannot express.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number.
    Number(f64),
    /// A string.
    Text(String),
    /// An array.
    List(Vec<Json>),
    /// An object.
    Object(Vec<(String, Json)>),
}

/// The name of a member that is missing or has the wrong type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidInput(pub &'static str);

impl fmt::Display for InvalidInput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is missing or invalid", self.0)
    }
}

impl Json {
    /// Returns a member, or null if it is missing.
    fn get(&self, name: &str) -> &Self {
        match self {
            Self::Object(members) => members.iter().find(|(key, _)| key == name),
            _ => None,
        }
        .map_or(&Self::Null, |(_, value)| value)
    }

    fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    fn text(&self, name: &'static str) -> Result<String, InvalidInput> {
        self.optional_text(name).ok_or(InvalidInput(name))
    }

    fn optional_text(&self, name: &str) -> Option<String> {
        self.get(name).as_text().map(str::to_owned)
    }

    fn flag(&self, name: &'static str) -> Result<bool, InvalidInput> {
        match self.get(name) {
            Self::Bool(flag) => Ok(*flag),
            _ => Err(InvalidInput(name)),
        }
    }

    fn count(&self, name: &'static str) -> Result<u64, InvalidInput> {
        match self.get(name) {
            Self::Number(number) => whole(*number).ok_or(InvalidInput(name)),
            _ => Err(InvalidInput(name)),
        }
    }

    fn size(&self, name: &'static str) -> Result<usize, InvalidInput> {
        usize::try_from(self.count(name)?).map_err(|_| InvalidInput(name))
    }

    fn parsed<T: FromStr>(&self, name: &'static str) -> Result<T, InvalidInput> {
        let text = self.get(name).as_text();
        text.and_then(|text| text.parse().ok())
            .ok_or(InvalidInput(name))
    }

    fn optional_time(&self, name: &'static str) -> Result<Option<Timestamp>, InvalidInput> {
        match self.get(name) {
            Self::Null => Ok(None),
            _ => self.parsed(name).map(Some),
        }
    }

    fn list<T>(
        &self,
        name: &'static str,
        read: impl Fn(&Self) -> Result<T, InvalidInput>,
    ) -> Result<Vec<T>, InvalidInput> {
        match self.get(name) {
            Self::List(values) => values.iter().map(read).collect(),
            _ => Err(InvalidInput(name)),
        }
    }

    fn texts(&self, name: &'static str) -> Result<Vec<String>, InvalidInput> {
        self.list(name, |value| {
            value.as_text().map(str::to_owned).ok_or(InvalidInput(name))
        })
    }

    /// Returns the string members of an optional object.
    fn text_members(&self, name: &str) -> Vec<(String, String)> {
        let mut texts = Vec::new();
        if let Self::Object(members) = self.get(name) {
            for (key, value) in members {
                if let Self::Text(value) = value {
                    texts.push((key.clone(), value.clone()));
                }
            }
        }
        texts
    }

    /// Reads a time in milliseconds since 1970.
    fn clock(&self, name: &'static str) -> Result<Timestamp, InvalidInput> {
        match self.get(name) {
            Self::Number(millis) => time_from_millis(*millis).ok_or(InvalidInput(name)),
            _ => Err(InvalidInput(name)),
        }
    }
}

/// Converts a JavaScript number if it is a non-negative integer.
pub fn whole(number: f64) -> Option<u64> {
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // Saturates.
    (number >= 0.0 && number.fract() == 0.0).then_some(number as u64)
}

/// Converts a time of `Date.now()`; returns `None` for times before 1970 and for NaN.
pub fn time_from_millis(millis: f64) -> Option<Timestamp> {
    whole(millis.floor()).map(Timestamp::from_millis)
}

/// # Errors
/// Fails if a member is missing or invalid.
pub fn form_input(json: &Json) -> Result<FormInput, InvalidInput> {
    Ok(FormInput {
        me: me(json.get("me"))?,
        active: json.size("active")?,
        limit: json.size("limit")?,
        now: json.clock("now")?,
        words: json.text_members("words"),
    })
}

fn me(json: &Json) -> Result<Me, InvalidInput> {
    Ok(Me {
        id: json.parsed("id")?,
        name: json.text("name")?,
        email: json.text("email")?,
        organizations: json.list("organizations", |json| {
            Ok(OrganizationView {
                id: json.parsed("id")?,
                name: json.text("name")?,
                roles: json.texts("roles")?,
                scopes: json.texts("scopes")?,
            })
        })?,
        rbac: json.flag("rbac")?,
        groups: json.list("groups", group)?,
        role_labels: json.text_members("role_labels"),
        revocation_delay_seconds: json.count("revocation_delay_seconds").ok(),
    })
}

fn group(json: &Json) -> Result<Group, InvalidInput> {
    Ok(Group {
        name: json.text("name")?,
        color: json.text("color")?,
        scopes: json.list("scopes", |json| {
            Ok(Scope {
                name: json.text("name")?,
                label: json.text("label")?,
                description: json.text("description")?,
            })
        })?,
    })
}

/// # Errors
/// Fails if a member is missing or invalid.
pub fn table_input(json: &Json) -> Result<TableInput, InvalidInput> {
    Ok(TableInput {
        tokens: json.list("tokens", record)?,
        more: json.flag("more")?,
        groups: json.list("groups", group)?,
        active: json.size("active")?,
        expired: json.size("expired")?,
        revoked: json.size("revoked")?,
        limit: json.size("limit")?,
        now: json.clock("now")?,
    })
}

fn record(json: &Json) -> Result<TokenRecord, InvalidInput> {
    Ok(TokenRecord {
        id: json.parsed("id")?,
        name: json.text("name")?,
        organizations: json.list("organizations", |id| {
            let id = id.as_text().and_then(|id| id.parse().ok());
            id.ok_or(InvalidInput("organizations"))
        })?,
        scopes: match json.get("scopes") {
            Json::Null => None,
            _ => Some(json.texts("scopes")?),
        },
        created_at: json.parsed("created_at")?,
        last_used_at: json.optional_time("last_used_at")?,
        last_used_address: json.optional_text("last_used_address"),
        expires_at: json.parsed("expires_at")?,
        revoked_at: json.optional_time("revoked_at")?,
        status: match json.get("status").as_text() {
            Some("active") => TokenStatus::Active,
            Some("expired") => TokenStatus::Expired,
            Some("revoked") => TokenStatus::Revoked,
            _ => return Err(InvalidInput("status")),
        },
        idempotency_key: match json.get("idempotency_key").as_text() {
            None => None,
            Some(key) => {
                let key = IdempotencyKey::try_from(key.to_owned());
                Some(key.map_err(|_| InvalidInput("idempotency_key"))?)
            }
        },
    })
}

/// # Errors
/// Fails if a member is missing or invalid.
pub fn form_state(json: &Json) -> Result<FormState, InvalidInput> {
    Ok(FormState {
        name: json.text("name")?,
        days: json.count("days")?,
        organizations: json.texts("organizations")?,
        scopes: json.texts("scopes")?,
        search: json.text("search")?,
        touched: json.texts("touched")?,
        submitted: json.flag("submitted")?,
    })
}

/// Reads an error response. Ignores members that are not as expected.
pub fn server_problem(json: &Json) -> ServerProblem {
    let field_error = |json: &Json| {
        Ok(ServerFieldError {
            field: json.text("field")?,
            code: json.text("code")?,
            detail: json.text("detail")?,
        })
    };
    ServerProblem {
        code: json.optional_text("code"),
        title: json.optional_text("title"),
        detail: json.optional_text("detail"),
        field: json.optional_text("field"),
        errors: json.list("errors", field_error).unwrap_or_default(),
    }
}
