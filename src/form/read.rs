//! Reads what a page gives, by hand.
//!
//! The types of core can be read by serde, but code that reads any type from any text is half
//! of a module of this size. The browser has a JSON parser of its own; what is left to do is
//! to look up members by name.

use crate::{
    form,
    message::{Refusal, RefusedField},
    table,
};
use patrol::{
    http::api::{Me, OrganizationView, TokenRecord, TokenStatus},
    time::Timestamp,
};
use std::{fmt, str::FromStr};

/// A value of JavaScript that JSON could express. Undefined counts as null.
#[derive(Debug, Clone, PartialEq)]
pub enum Json {
    /// Nothing.
    Null,
    /// A truth value.
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

/// A value that does not fit, by the name of the member that is missing or wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unfit(pub &'static str);

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is missing or wrong", self.0)
    }
}

impl Json {
    /// A member; null when there is none.
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

    fn text(&self, name: &'static str) -> Result<String, Unfit> {
        self.optional_text(name).ok_or(Unfit(name))
    }

    fn optional_text(&self, name: &str) -> Option<String> {
        self.get(name).as_text().map(str::to_owned)
    }

    fn flag(&self, name: &'static str) -> Result<bool, Unfit> {
        match self.get(name) {
            Self::Bool(flag) => Ok(*flag),
            _ => Err(Unfit(name)),
        }
    }

    fn count(&self, name: &'static str) -> Result<u64, Unfit> {
        match self.get(name) {
            Self::Number(number) => whole(*number).ok_or(Unfit(name)),
            _ => Err(Unfit(name)),
        }
    }

    fn size(&self, name: &'static str) -> Result<usize, Unfit> {
        usize::try_from(self.count(name)?).map_err(|_| Unfit(name))
    }

    fn parsed<T: FromStr>(&self, name: &'static str) -> Result<T, Unfit> {
        let text = self.get(name).as_text();
        text.and_then(|text| text.parse().ok()).ok_or(Unfit(name))
    }

    fn optional_time(&self, name: &'static str) -> Result<Option<Timestamp>, Unfit> {
        match self.get(name) {
            Self::Null => Ok(None),
            _ => self.parsed(name).map(Some),
        }
    }

    fn list<T>(
        &self,
        name: &'static str,
        read: impl Fn(&Self) -> Result<T, Unfit>,
    ) -> Result<Vec<T>, Unfit> {
        match self.get(name) {
            Self::List(values) => values.iter().map(read).collect(),
            _ => Err(Unfit(name)),
        }
    }

    fn texts(&self, name: &'static str) -> Result<Vec<String>, Unfit> {
        self.list(name, |value| {
            value.as_text().map(str::to_owned).ok_or(Unfit(name))
        })
    }

    /// Texts by texts, which a page may leave out.
    fn names(&self, name: &str) -> Vec<(String, String)> {
        let mut names = Vec::new();
        if let Self::Object(members) = self.get(name) {
            for (key, value) in members {
                if let Self::Text(value) = value {
                    names.push((key.clone(), value.clone()));
                }
            }
        }
        names
    }

    /// Milliseconds since the epoch.
    fn clock(&self, name: &'static str) -> Result<Timestamp, Unfit> {
        match self.get(name) {
            Self::Number(millis) => time_from_millis(*millis).ok_or(Unfit(name)),
            _ => Err(Unfit(name)),
        }
    }
}

/// A number of JavaScript that is a whole one and not negative.
pub fn whole(number: f64) -> Option<u64> {
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // Saturates.
    (number >= 0.0 && number.fract() == 0.0).then_some(number as u64)
}

/// A time as `Date.now()` gives it; None: before 1970, or no time at all.
pub fn time_from_millis(millis: f64) -> Option<Timestamp> {
    whole(millis.floor()).map(Timestamp::from_millis)
}

/// # Errors
/// A member is missing or wrong.
pub fn form_input(json: &Json) -> Result<form::Input, Unfit> {
    Ok(form::Input {
        me: me(json.get("me"))?,
        active: json.size("active")?,
        limit: json.size("limit")?,
        now: json.clock("now")?,
        words: json.names("words"),
    })
}

fn me(json: &Json) -> Result<Me, Unfit> {
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
        revocation_delay_seconds: json.count("revocation_delay_seconds").ok(),
    })
}

/// # Errors
/// A member is missing or wrong.
pub fn table_input(json: &Json) -> Result<table::Input, Unfit> {
    Ok(table::Input {
        tokens: json.list("tokens", record)?,
        organizations: json.names("organizations"),
        active: json.size("active")?,
        limit: json.size("limit")?,
        now: json.clock("now")?,
    })
}

fn record(json: &Json) -> Result<TokenRecord, Unfit> {
    Ok(TokenRecord {
        id: json.parsed("id")?,
        name: json.text("name")?,
        organizations: json.list("organizations", |id| {
            let id = id.as_text().and_then(|id| id.parse().ok());
            id.ok_or(Unfit("organizations"))
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
            _ => return Err(Unfit("status")),
        },
    })
}

/// A state that [`form::Form::state`] gave.
///
/// # Errors
/// A member is missing or wrong.
pub fn state(json: &Json) -> Result<form::State, Unfit> {
    Ok(form::State {
        name: json.text("name")?,
        days: json.count("days")?,
        organizations: json.texts("organizations")?,
        scopes: json.texts("scopes")?,
        search: json.text("search")?,
        touched: json.texts("touched")?,
        submitted: json.flag("submitted")?,
    })
}

/// A refusal, as much of it as can be understood.
pub fn refusal(json: &Json) -> Refusal {
    let field = |json: &Json| {
        Ok(RefusedField {
            field: json.text("field")?,
            code: json.text("code")?,
            detail: json.text("detail")?,
        })
    };
    Refusal {
        code: json.optional_text("code"),
        title: json.optional_text("title"),
        detail: json.optional_text("detail"),
        field: json.optional_text("field"),
        errors: json.list("errors", field).unwrap_or_default(),
    }
}
