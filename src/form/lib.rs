//! The form that creates a token and the list of tokens, for browsers.
//!
//! This crate becomes `www/pkg/form.js` and `form_bg.wasm`: two state machines without DOM, clock
//! or network, so tests can reach every state and any page can draw them. [`form`] and [`table`]
//! are plain Rust. This file exports them to JavaScript. Views cross as JSON text, which the
//! browser parses faster than we could build the objects call by call; `types.ts` has their types.
//!
//! The page is not trusted: an invalid argument throws an error or is ignored. Nothing may panic,
//! because a panic makes the module unusable until the page reloads.

#![forbid(unsafe_code)]
#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing
    )
)]

pub mod form;
pub mod message;
pub mod read;
pub mod table;

use form::Form;
use js_sys::{Array, JSON, Object};
use patrol::{issue::rules::Field, listing::Column, time::Timestamp};
use read::{InvalidInput, Json};
use serde::Serialize;
use table::{Filter, Table};
use wasm_bindgen::prelude::*;

#[wasm_bindgen(typescript_custom_section)]
const TYPES: &str = include_str!("types.ts");

/// A small allocator: a form holds few values, most of them for one call.
#[cfg(target_arch = "wasm32")]
#[global_allocator]
static ALLOCATOR: rlsf::SmallGlobalTlsf = rlsf::SmallGlobalTlsf::new();

/// The form that creates a token. Every method returns the new view.
#[wasm_bindgen]
pub struct TokenForm {
    form: Form,
}

#[wasm_bindgen]
impl TokenForm {
    /// Creates an empty form.
    ///
    /// # Errors
    /// Fails if the input is not a `FormInput`.
    #[wasm_bindgen(constructor)]
    pub fn new(
        #[wasm_bindgen(unchecked_param_type = "FormInput")] input: &JsValue,
    ) -> Result<Self, JsError> {
        let input = read::form_input(&json(input)).map_err(invalid_argument("FormInput"))?;
        let form = Form::new(input);
        Ok(Self { form })
    }

    /// Restores a form from `toJSON()`. If the state is invalid, the form is empty.
    ///
    /// # Errors
    /// Fails if the input is not a `FormInput`.
    #[wasm_bindgen(js_name = fromState)]
    pub fn from_state(
        #[wasm_bindgen(unchecked_param_type = "FormInput")] input: &JsValue,
        state: &str,
    ) -> Result<Self, JsError> {
        let input = read::form_input(&json(input)).map_err(invalid_argument("FormInput"))?;
        // A broken state in the browser's storage must not keep the user from creating a token.
        let state = JSON::parse(state).map_or(Json::Null, |state| json(&state));
        let form = match read::form_state(&state) {
            Ok(state) => Form::from_state(input, state),
            Err(_) => Form::new(input),
        };
        Ok(Self { form })
    }

    /// The form's state for `fromState`, to survive an expired session.
    ///
    /// # Errors
    /// Never fails in practice.
    #[wasm_bindgen(js_name = toJSON)]
    pub fn to_json(&self) -> Result<String, JsError> {
        to_text(&self.form.state())
    }

    /// Everything to draw.
    ///
    /// # Errors
    /// Never fails in practice.
    #[wasm_bindgen(unchecked_return_type = "FormView")]
    pub fn view(&self) -> Result<JsValue, JsError> {
        to_js(&self.form.view())
    }

    /// Sets the name.
    ///
    /// # Errors
    /// Never fails in practice.
    #[wasm_bindgen(js_name = setName, unchecked_return_type = "FormView")]
    pub fn set_name(&mut self, text: &str) -> Result<JsValue, JsError> {
        self.form.set_name(text);
        self.view()
    }

    /// Sets the lifetime in days.
    ///
    /// # Errors
    /// Never fails in practice.
    #[wasm_bindgen(js_name = setExpiry, unchecked_return_type = "FormView")]
    pub fn set_expiry(&mut self, days: f64) -> Result<JsValue, JsError> {
        // 0 days is invalid too.
        self.form.set_expiry(read::whole(days).unwrap_or(0));
        self.view()
    }

    /// Chooses or removes an organization.
    ///
    /// # Errors
    /// Never fails in practice.
    #[wasm_bindgen(js_name = setOrganization, unchecked_return_type = "FormView")]
    pub fn set_organization(&mut self, id: &str, chosen: bool) -> Result<JsValue, JsError> {
        self.form.set_organization(id, chosen);
        self.view()
    }

    /// Selects or clears a scope.
    ///
    /// # Errors
    /// Never fails in practice.
    #[wasm_bindgen(js_name = toggleScope, unchecked_return_type = "FormView")]
    pub fn toggle_scope(&mut self, name: &str) -> Result<JsValue, JsError> {
        self.form.toggle_scope(name);
        self.view()
    }

    /// Selects all offered scopes of a group, or clears them if all are selected.
    ///
    /// # Errors
    /// Never fails in practice.
    #[wasm_bindgen(js_name = toggleGroup, unchecked_return_type = "FormView")]
    pub fn toggle_group(&mut self, name: &str) -> Result<JsValue, JsError> {
        self.form.toggle_group(name);
        self.view()
    }

    /// Selects every visible scope.
    ///
    /// # Errors
    /// Never fails in practice.
    #[wasm_bindgen(js_name = selectAll, unchecked_return_type = "FormView")]
    pub fn select_all(&mut self) -> Result<JsValue, JsError> {
        self.form.select_all();
        self.view()
    }

    /// Clears every visible scope.
    ///
    /// # Errors
    /// Never fails in practice.
    #[wasm_bindgen(js_name = selectNone, unchecked_return_type = "FormView")]
    pub fn select_none(&mut self) -> Result<JsValue, JsError> {
        self.form.select_none();
        self.view()
    }

    /// Searches the scopes: hides those that do not match.
    ///
    /// # Errors
    /// Never fails in practice.
    #[wasm_bindgen(unchecked_return_type = "FormView")]
    pub fn search(&mut self, text: &str) -> Result<JsValue, JsError> {
        self.form.search(text);
        self.view()
    }

    /// Notes that the user has left a field: from now on, its error is shown.
    ///
    /// # Errors
    /// Never fails in practice.
    #[wasm_bindgen(unchecked_return_type = "FormView")]
    pub fn touch(
        &mut self,
        #[wasm_bindgen(unchecked_param_type = "FieldName")] field: &str,
    ) -> Result<JsValue, JsError> {
        if let Some(field) = Field::from_name(field) {
            self.form.touch(field);
        }
        self.view()
    }

    /// Notes that the user has tried to submit: from now on, every error is shown.
    ///
    /// # Errors
    /// Never fails in practice.
    #[wasm_bindgen(unchecked_return_type = "FormView")]
    pub fn submit(&mut self) -> Result<JsValue, JsError> {
        self.form.submit();
        self.view()
    }

    /// Shows the server's error at its field until that field changes. Anything that is not a
    /// `Problem` counts as an error without details.
    ///
    /// # Errors
    /// Never fails in practice.
    #[wasm_bindgen(unchecked_return_type = "FormView")]
    pub fn reject(
        &mut self,
        #[wasm_bindgen(unchecked_param_type = "Partial<Problem>")] problem: &JsValue,
    ) -> Result<JsValue, JsError> {
        self.form.reject(&read::server_problem(&json(problem)));
        self.view()
    }

    /// Empties the form.
    ///
    /// # Errors
    /// Never fails in practice.
    #[wasm_bindgen(unchecked_return_type = "FormView")]
    pub fn reset(&mut self) -> Result<JsValue, JsError> {
        self.form.reset();
        self.view()
    }

    /// Sets the current time, from which the expiration dates are computed.
    ///
    /// # Errors
    /// Fails if `now` is not a time.
    #[wasm_bindgen(js_name = setNow, unchecked_return_type = "FormView")]
    pub fn set_now(&mut self, now: f64) -> Result<JsValue, JsError> {
        self.form.set_now(time(now)?);
        self.view()
    }

    /// The body for `POST /api/v1/tokens`, or undefined while the form is invalid.
    ///
    /// # Errors
    /// Never fails in practice.
    #[wasm_bindgen(unchecked_return_type = "CreateTokenRequest | undefined")]
    pub fn request(&self) -> Result<JsValue, JsError> {
        match self.form.request() {
            Some(request) => to_js(&request),
            None => Ok(JsValue::UNDEFINED),
        }
    }
}

/// The list of tokens. Every method returns the new view.
#[wasm_bindgen]
pub struct TokenTable {
    table: Table,
}

#[wasm_bindgen]
impl TokenTable {
    /// Creates a list in the order of the origin, newest first.
    ///
    /// # Errors
    /// Fails if the input is not a `TableInput`.
    #[wasm_bindgen(constructor)]
    pub fn new(
        #[wasm_bindgen(unchecked_param_type = "TableInput")] input: &JsValue,
    ) -> Result<Self, JsError> {
        let table =
            Table::new(read::table_input(&json(input)).map_err(invalid_argument("TableInput"))?);
        Ok(Self { table })
    }

    /// Everything to draw.
    ///
    /// # Errors
    /// Never fails in practice.
    #[wasm_bindgen(unchecked_return_type = "TableView")]
    pub fn view(&self) -> Result<JsValue, JsError> {
        to_js(&self.table.view())
    }

    /// Shows what the origin has returned for filter, search and sort order, which stay.
    ///
    /// # Errors
    /// Fails if the input is not a `TableInput`.
    #[wasm_bindgen(unchecked_return_type = "TableView")]
    pub fn update(
        &mut self,
        #[wasm_bindgen(unchecked_param_type = "TableInput")] input: &JsValue,
    ) -> Result<JsValue, JsError> {
        let input = read::table_input(&json(input)).map_err(invalid_argument("TableInput"))?;
        self.table.update(input);
        self.view()
    }

    /// Sets the current time, from which statuses and relative times are computed.
    ///
    /// # Errors
    /// Fails if `now` is not a time.
    #[wasm_bindgen(js_name = setNow, unchecked_return_type = "TableView")]
    pub fn set_now(&mut self, now: f64) -> Result<JsValue, JsError> {
        self.table.set_now(time(now)?);
        self.view()
    }

    /// Notes that the user wants only tokens of one status, or all. The rows stay until the next `update`.
    ///
    /// # Errors
    /// Fails if the filter is unknown.
    #[wasm_bindgen(js_name = setFilter, unchecked_return_type = "TableView")]
    pub fn set_filter(
        &mut self,
        #[wasm_bindgen(unchecked_param_type = "Filter")] filter: &str,
    ) -> Result<JsValue, JsError> {
        let filter = Filter::from_name(filter).ok_or(InvalidInput("filter"));
        self.table
            .set_filter(filter.map_err(invalid_argument("Filter"))?);
        self.view()
    }

    /// Notes what the user searches for. The rows stay until the next `update`.
    ///
    /// # Errors
    /// Never fails in practice.
    #[wasm_bindgen(js_name = setSearch, unchecked_return_type = "TableView")]
    pub fn set_search(&mut self, text: &str) -> Result<JsValue, JsError> {
        self.table.set_search(text);
        self.view()
    }

    /// Notes that the user sorts by a column, or reverses the order if the list is sorted by it already. The
    /// rows stay until the next `update`.
    ///
    /// # Errors
    /// Fails if the column is unknown.
    #[wasm_bindgen(js_name = sortBy, unchecked_return_type = "TableView")]
    pub fn sort_by(
        &mut self,
        #[wasm_bindgen(unchecked_param_type = "Column")] column: &str,
    ) -> Result<JsValue, JsError> {
        let column = Column::from_name(column).ok_or(InvalidInput("column"));
        self.table
            .sort_by(column.map_err(invalid_argument("Column"))?);
        self.view()
    }
}

/// Converts a JavaScript value.
fn json(value: &JsValue) -> Json {
    nested(value, MAX_DEPTH)
}

/// How deep we read nested values. No input is deeper, and an object may contain itself.
const MAX_DEPTH: usize = 8;

fn nested(value: &JsValue, depth: usize) -> Json {
    if let Some(flag) = value.as_bool() {
        Json::Bool(flag)
    } else if let Some(number) = value.as_f64() {
        Json::Number(number)
    } else if let Some(text) = value.as_string() {
        Json::Text(text)
    } else if depth == 0 || !value.is_object() {
        Json::Null
    } else if Array::is_array(value) {
        Json::List(
            Array::from(value)
                .iter()
                .map(|value| nested(&value, depth - 1))
                .collect(),
        )
    } else {
        let entries = Object::entries(value.unchecked_ref());
        Json::Object(
            entries
                .iter()
                .filter_map(|entry| {
                    let entry = Array::from(&entry);
                    Some((entry.get(0).as_string()?, nested(&entry.get(1), depth - 1)))
                })
                .collect(),
        )
    }
}

/// The error for an argument that does not match its type in `types.ts`.
fn invalid_argument(type_name: &str) -> impl Fn(InvalidInput) -> JsError {
    move |error| JsError::new(&format!("{type_name}: {error}"))
}

/// Converts a value to a JavaScript object.
fn to_js(value: &impl Serialize) -> Result<JsValue, JsError> {
    JSON::parse(&to_text(value)?).map_err(|_| invalid_argument("JSON")(InvalidInput("the view")))
}

/// Converts a value to JSON text. This cannot fail for strings and numbers.
fn to_text(value: &impl Serialize) -> Result<String, JsError> {
    serde_json::to_string(value).map_err(|_| invalid_argument("JSON")(InvalidInput("the view")))
}

fn time(now: f64) -> Result<Timestamp, JsError> {
    read::time_from_millis(now).ok_or_else(|| invalid_argument("milliseconds")(InvalidInput("now")))
}
