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
pub mod table;

use form::Form;
use js_sys::JSON;
use patrol::{rules::Field, time::Timestamp};
use serde::{Serialize, de::DeserializeOwned};
use table::Table;
use wasm_bindgen::prelude::*;

#[wasm_bindgen(typescript_custom_section)]
const TYPES: &str = include_str!("types.ts");

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
        let form = Form::new(&read("FormInput", input)?);
        Ok(Self { form })
    }

    /// A form as `toJSON()` left it. A state that cannot be read gives an empty form.
    ///
    /// # Errors
    /// The input does not fit `FormInput`.
    #[wasm_bindgen(js_name = fromState)]
    pub fn from_state(
        #[wasm_bindgen(unchecked_param_type = "FormInput")] input: &JsValue,
        json: &str,
    ) -> Result<Self, JsError> {
        let form = Form::from_state(&read("FormInput", input)?, json);
        Ok(Self { form })
    }

    /// What the user has filled in, for `fromState`: survives an expired session.
    #[wasm_bindgen(js_name = toJSON)]
    pub fn to_json(&self) -> String {
        self.form.to_json()
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
        self.form.set_expiry(whole(days));
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

    /// The user wants every scope that is offered.
    ///
    /// # Errors
    /// None in practice.
    #[wasm_bindgen(js_name = selectAll, unchecked_return_type = "FormView")]
    pub fn select_all(&mut self) -> Result<JsValue, JsError> {
        self.form.select_all();
        self.view()
    }

    /// The user wants no scope.
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
    /// The problem is not an object with the members of `Problem`.
    #[wasm_bindgen(unchecked_return_type = "FormView")]
    pub fn reject(
        &mut self,
        #[wasm_bindgen(unchecked_param_type = "Partial<Problem>")] problem: &JsValue,
    ) -> Result<JsValue, JsError> {
        self.form.reject(&read("Problem", problem)?);
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
        let table = Table::new(read("TableInput", input)?);
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
        self.table.update(read("TableInput", input)?);
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
        #[wasm_bindgen(unchecked_param_type = "Filter")] filter: &JsValue,
    ) -> Result<JsValue, JsError> {
        self.table.set_filter(read("Filter", filter)?);
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
        #[wasm_bindgen(unchecked_param_type = "Column")] column: &JsValue,
    ) -> Result<JsValue, JsError> {
        self.table.sort_by(read("Column", column)?);
        self.view()
    }
}

/// A value of the page's; `what` names its type in the error.
fn read<T: DeserializeOwned>(what: &str, value: &JsValue) -> Result<T, JsError> {
    let wrong = |why: &str| JsError::new(&format!("this is no {what}: {why}"));
    let text = JSON::stringify(value)
        .ok()
        .and_then(|text| text.as_string())
        .ok_or_else(|| wrong("JSON cannot express it"))?;
    serde_json::from_str(&text).map_err(|error| wrong(&error.to_string()))
}

/// A value for the page.
fn show(value: &impl Serialize) -> Result<JsValue, JsError> {
    let text = serde_json::to_string(value)?;
    JSON::parse(&text).map_err(|_| JsError::new("a view could not be made"))
}

/// A number of JavaScript as a whole one; 0 for what is none, which no rule accepts.
fn whole(number: f64) -> u64 {
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // Saturates.
    if number.fract() == 0.0 {
        number as u64
    } else {
        0
    }
}

fn time(now: f64) -> Result<Timestamp, JsError> {
    form::time_from_millis(now)
        .ok_or_else(|| JsError::new("now must be milliseconds, as from Date.now()"))
}
