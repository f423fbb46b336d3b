//! The form that creates a token and the list of tokens, for browsers.
//!
//! This crate becomes `www/pkg/form.js` and `form_bg.wasm`: two state machines without a DOM,
//! a clock or a network, so they can be tested to the last state and drawn by any page. [`form`]
//! and [`table`] are plain Rust; this file is only how JavaScript reaches them. Values cross as
//! plain objects by way of JSON text, which the browser parses faster than it could build the
//! same objects call by call; `types.ts` says what they are.
//!
//! Nothing here trusts the page: a wrong argument throws an error or changes nothing. Nothing
//! here may panic either, as that would end the module for the page.

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
pub mod order;
pub mod read;
pub mod table;

use form::Form;
use js_sys::{Array, JSON, Object};
use patrol::{issue::rules::Field, time::Timestamp};
use read::{Json, Unfit};
use serde::Serialize;
use table::{Column, Filter, Table};
use wasm_bindgen::prelude::*;

#[wasm_bindgen(typescript_custom_section)]
const TYPES: &str = include_str!("types.ts");

/// A small one: a form has few values, and they come and go with each event.
#[cfg(target_arch = "wasm32")]
#[global_allocator]
static ALLOCATOR: rlsf::SmallGlobalTlsf = rlsf::SmallGlobalTlsf::new();

/// The form that creates a token. Every event gives the new view.
#[wasm_bindgen]
pub struct TokenForm {
    form: Form,
}

#[wasm_bindgen]
impl TokenForm {
    /// An empty form.
    ///
    /// # Errors
    /// The input does not fit `FormInput`.
    #[wasm_bindgen(constructor)]
    pub fn new(
        #[wasm_bindgen(unchecked_param_type = "FormInput")] input: &JsValue,
    ) -> Result<Self, JsError> {
        let input = read::form_input(&json(input)).map_err(unfit("FormInput"))?;
        let form = Form::new(input);
        Ok(Self { form })
    }

    /// A form as `toJSON()` left it. A state that cannot be read gives an empty form.
    ///
    /// # Errors
    /// The input does not fit `FormInput`.
    #[wasm_bindgen(js_name = fromState)]
    pub fn from_state(
        #[wasm_bindgen(unchecked_param_type = "FormInput")] input: &JsValue,
        state: &str,
    ) -> Result<Self, JsError> {
        let input = read::form_input(&json(input)).map_err(unfit("FormInput"))?;
        // Nothing that lies in a browser's storage may keep the user from making a token.
        let state = JSON::parse(state).map_or(Json::Null, |state| json(&state));
        let form = match read::state(&state) {
            Ok(state) => Form::from_state(input, state),
            Err(_) => Form::new(input),
        };
        Ok(Self { form })
    }

    /// What the user has filled in, for `fromState`: survives an expired session.
    ///
    /// # Errors
    /// None in practice.
    #[wasm_bindgen(js_name = toJSON)]
    pub fn to_json(&self) -> Result<String, JsError> {
        text(&self.form.state())
    }

    /// What to draw.
    ///
    /// # Errors
    /// None in practice, as for every view.
    #[wasm_bindgen(unchecked_return_type = "FormView")]
    pub fn view(&self) -> Result<JsValue, JsError> {
        show(&self.form.view())
    }

    /// The user has typed a name.
    ///
    /// # Errors
    /// None in practice.
    #[wasm_bindgen(js_name = setName, unchecked_return_type = "FormView")]
    pub fn set_name(&mut self, text: &str) -> Result<JsValue, JsError> {
        self.form.set_name(text);
        self.view()
    }

    /// The user has chosen a lifetime.
    ///
    /// # Errors
    /// None in practice.
    #[wasm_bindgen(js_name = setExpiry, unchecked_return_type = "FormView")]
    pub fn set_expiry(&mut self, days: f64) -> Result<JsValue, JsError> {
        // No rule accepts 0 days.
        self.form.set_expiry(read::whole(days).unwrap_or(0));
        self.view()
    }

    /// The user has chosen an organization, or taken it out.
    ///
    /// # Errors
    /// None in practice.
    #[wasm_bindgen(js_name = setOrganization, unchecked_return_type = "FormView")]
    pub fn set_organization(&mut self, id: &str, chosen: bool) -> Result<JsValue, JsError> {
        self.form.set_organization(id, chosen);
        self.view()
    }

    /// The user has clicked a scope.
    ///
    /// # Errors
    /// None in practice.
    #[wasm_bindgen(js_name = toggleScope, unchecked_return_type = "FormView")]
    pub fn toggle_scope(&mut self, name: &str) -> Result<JsValue, JsError> {
        self.form.toggle_scope(name);
        self.view()
    }

    /// The user has clicked the name of a group: all if not all were selected, else none.
    ///
    /// # Errors
    /// None in practice.
    #[wasm_bindgen(js_name = toggleGroup, unchecked_return_type = "FormView")]
    pub fn toggle_group(&mut self, name: &str) -> Result<JsValue, JsError> {
        self.form.toggle_group(name);
        self.view()
    }

    /// The user wants every scope that is offered and that a search does not hide.
    ///
    /// # Errors
    /// None in practice.
    #[wasm_bindgen(js_name = selectAll, unchecked_return_type = "FormView")]
    pub fn select_all(&mut self) -> Result<JsValue, JsError> {
        self.form.select_all();
        self.view()
    }

    /// The user wants no scope, or none of those that a search leaves.
    ///
    /// # Errors
    /// None in practice.
    #[wasm_bindgen(js_name = selectNone, unchecked_return_type = "FormView")]
    pub fn select_none(&mut self) -> Result<JsValue, JsError> {
        self.form.select_none();
        self.view()
    }

    /// The user looks for scopes; it only hides.
    ///
    /// # Errors
    /// None in practice.
    #[wasm_bindgen(unchecked_return_type = "FormView")]
    pub fn search(&mut self, text: &str) -> Result<JsValue, JsError> {
        self.form.search(text);
        self.view()
    }

    /// The user has left a field: its error is shown from now on.
    ///
    /// # Errors
    /// None in practice.
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

    /// The user has tried to submit: every error is shown from now on.
    ///
    /// # Errors
    /// None in practice.
    #[wasm_bindgen(unchecked_return_type = "FormView")]
    pub fn submit(&mut self) -> Result<JsValue, JsError> {
        self.form.submit();
        self.view()
    }

    /// The server has refused the request: shown at its field until that field changes.
    ///
    /// # Errors
    /// None in practice; a problem that cannot be understood is a refusal all the same.
    #[wasm_bindgen(unchecked_return_type = "FormView")]
    pub fn reject(
        &mut self,
        #[wasm_bindgen(unchecked_param_type = "Partial<Problem>")] problem: &JsValue,
    ) -> Result<JsValue, JsError> {
        self.form.reject(&read::refusal(&json(problem)));
        self.view()
    }

    /// The user starts afresh.
    ///
    /// # Errors
    /// None in practice.
    #[wasm_bindgen(unchecked_return_type = "FormView")]
    pub fn reset(&mut self) -> Result<JsValue, JsError> {
        self.form.reset();
        self.view()
    }

    /// Time has passed: the dates of expiry move along.
    ///
    /// # Errors
    /// `now` is no time.
    #[wasm_bindgen(js_name = setNow, unchecked_return_type = "FormView")]
    pub fn set_now(&mut self, now: f64) -> Result<JsValue, JsError> {
        self.form.set_now(time(now)?);
        self.view()
    }

    /// The body for `POST /api/v1/tokens`; undefined while it may not be sent.
    ///
    /// # Errors
    /// None in practice.
    #[wasm_bindgen(unchecked_return_type = "CreateTokenRequest | undefined")]
    pub fn request(&self) -> Result<JsValue, JsError> {
        match self.form.request() {
            Some(request) => show(&request),
            None => Ok(JsValue::UNDEFINED),
        }
    }
}

/// The list of tokens. Every event gives the new view.
#[wasm_bindgen]
pub struct TokenTable {
    table: Table,
}

#[wasm_bindgen]
impl TokenTable {
    /// All tokens, newest first.
    ///
    /// # Errors
    /// The input does not fit `TableInput`.
    #[wasm_bindgen(constructor)]
    pub fn new(
        #[wasm_bindgen(unchecked_param_type = "TableInput")] input: &JsValue,
    ) -> Result<Self, JsError> {
        let table = Table::new(read::table_input(&json(input)).map_err(unfit("TableInput"))?);
        Ok(Self { table })
    }

    /// What to draw.
    ///
    /// # Errors
    /// None in practice, as for every view.
    #[wasm_bindgen(unchecked_return_type = "TableView")]
    pub fn view(&self) -> Result<JsValue, JsError> {
        show(&self.table.view())
    }

    /// The list was fetched again; filter, search and order stay.
    ///
    /// # Errors
    /// The input does not fit `TableInput`.
    #[wasm_bindgen(unchecked_return_type = "TableView")]
    pub fn update(
        &mut self,
        #[wasm_bindgen(unchecked_param_type = "TableInput")] input: &JsValue,
    ) -> Result<JsValue, JsError> {
        let input = read::table_input(&json(input)).map_err(unfit("TableInput"))?;
        self.table.update(input);
        self.view()
    }

    /// Time has passed: statuses and distances move along.
    ///
    /// # Errors
    /// `now` is no time.
    #[wasm_bindgen(js_name = setNow, unchecked_return_type = "TableView")]
    pub fn set_now(&mut self, now: f64) -> Result<JsValue, JsError> {
        self.table.set_now(time(now)?);
        self.view()
    }

    /// The user wants to see tokens of one status.
    ///
    /// # Errors
    /// There is no such filter.
    #[wasm_bindgen(js_name = setFilter, unchecked_return_type = "TableView")]
    pub fn set_filter(
        &mut self,
        #[wasm_bindgen(unchecked_param_type = "Filter")] filter: &str,
    ) -> Result<JsValue, JsError> {
        let filter = Filter::from_name(filter).ok_or(Unfit("filter"));
        self.table.set_filter(filter.map_err(unfit("Filter"))?);
        self.view()
    }

    /// The user looks for tokens by name, scope, organization or how the id begins.
    ///
    /// # Errors
    /// None in practice.
    #[wasm_bindgen(js_name = setSearch, unchecked_return_type = "TableView")]
    pub fn set_search(&mut self, text: &str) -> Result<JsValue, JsError> {
        self.table.set_search(text);
        self.view()
    }

    /// The user has clicked a column; the same again turns the order round.
    ///
    /// # Errors
    /// There is no such column.
    #[wasm_bindgen(js_name = sortBy, unchecked_return_type = "TableView")]
    pub fn sort_by(
        &mut self,
        #[wasm_bindgen(unchecked_param_type = "Column")] column: &str,
    ) -> Result<JsValue, JsError> {
        let column = Column::from_name(column).ok_or(Unfit("column"));
        self.table.sort_by(column.map_err(unfit("Column"))?);
        self.view()
    }
}

/// A value of the page's, as far as JSON could express it.
fn json(value: &JsValue) -> Json {
    nested(value, MAX_DEPTH)
}

/// Deeper than this is nothing that this module reads; an object could contain itself.
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

/// The error for an argument that does not fit a type of `types.ts`.
fn unfit(what: &str) -> impl Fn(Unfit) -> JsError {
    move |error| JsError::new(&format!("{what}: {error}"))
}

/// A value for the page.
fn show(value: &impl Serialize) -> Result<JsValue, JsError> {
    JSON::parse(&text(value)?).map_err(|_| unfit("JSON")(Unfit("the view")))
}

/// The same as text. Strings and numbers only: this cannot fail.
fn text(value: &impl Serialize) -> Result<String, JsError> {
    serde_json::to_string(value).map_err(|_| unfit("JSON")(Unfit("the view")))
}

fn time(now: f64) -> Result<Timestamp, JsError> {
    read::time_from_millis(now).ok_or_else(|| unfit("milliseconds")(Unfit("now")))
}
