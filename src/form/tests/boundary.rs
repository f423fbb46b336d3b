//! How JavaScript reaches the state machines, in the browser: what goes in and comes out has
//! the names and the kinds of `types.ts`, and nothing that a page can do ends the module.

#![cfg(target_arch = "wasm32")]

use js_sys::{JSON, Reflect};
use patrol_form::{TokenForm, TokenTable};
use wasm_bindgen::{JsCast as _, JsValue};
use wasm_bindgen_test::{wasm_bindgen_test, wasm_bindgen_test_configure};

wasm_bindgen_test_configure!(run_in_browser);

const INPUT: &str = r#"{
    "me": { "id": "ada", "name": "Ada", "email": "ada@example.com", "rbac": true,
        "organizations": [
            { "id": "acme", "name": "Acme", "roles": ["admin"], "scopes": [] },
            { "id": "globex", "name": "Globex", "roles": ["viewer"], "scopes": [] }] },
    "active": 0, "limit": 50, "now": 2000000000000 }"#;

const TOKENS: &str = r#"{
    "tokens": [{ "id": "4ySerkxJC4haEHngr6dQZg", "name": "ERP", "organizations": ["acme"],
        "scopes": ["uns:read"], "created_at": "2033-05-18T03:33:20Z", "last_used_at": null,
        "expires_at": "2033-06-17T03:33:20Z", "revoked_at": null, "status": "active" }],
    "active": 1, "limit": 50, "now": 2000000000000 }"#;

fn parsed(text: &str) -> JsValue {
    JSON::parse(text).expect("JSON")
}

fn form() -> TokenForm {
    TokenForm::new(&parsed(INPUT)).expect("a form")
}

fn view(result: Result<JsValue, wasm_bindgen::JsError>) -> JsValue {
    result.expect("a view")
}

/// A member, by the names on the way to it.
fn at(value: &JsValue, path: &str) -> JsValue {
    path.split('.').fold(value.clone(), |value, name| {
        Reflect::get(&value, &name.into()).expect("an object")
    })
}

/// Is there this number? Compared as JavaScript does.
fn is_number(value: &JsValue, path: &str, expected: u32) -> bool {
    at(value, path) == expected
}

fn text(value: &JsValue, path: &str) -> String {
    at(value, path).as_string().expect(path)
}

#[wasm_bindgen_test]
fn a_view_has_the_members_that_its_type_names() {
    let view = view(form().view());
    for path in [
        "name.value",
        "name.length",
        "name.left",
        "expiry.days",
        "expiry.expiresAt",
        "expiry.choices.0.isDefault",
        "organizations.several",
        "organizations.choices.1.roles.0",
        "scopes.selected",
        "scopes.total",
        "scopes.groups.0.scopes.0.description",
        "scopes.dropped",
        "summary.0.text",
        "canSubmit",
        "blockers.0.code",
        "limit.reached",
        "changed",
    ] {
        assert!(!at(&view, path).is_undefined(), "{path}");
    }
    assert!(at(&view, "refusal").is_null(), "null, and not undefined");
    assert_eq!(text(&view, "expiry.expiresAt"), "2033-08-16T03:33:20Z");
}

#[wasm_bindgen_test]
fn events_give_the_new_view_and_a_request_that_can_be_sent() {
    let mut form = form();
    assert!(form.request().expect("no error").is_undefined());
    view(form.set_name("ERP \u{1f511}"));
    view(form.set_expiry(30.0));
    let drawn = view(form.toggle_group("Models"));
    assert!(is_number(&drawn, "scopes.selected", 3));
    assert!(
        is_number(&drawn, "name.length", 5),
        "characters, not halves of one"
    );
    let request = view(form.request());
    let sent = JSON::stringify(&request).expect("JSON").as_string();
    assert_eq!(
        sent.as_deref(),
        Some(
            "{\"name\":\"ERP \u{1f511}\",\"expires_in_days\":30,\"organizations\":[\"acme\"],\
             \"scopes\":[\"models:read\",\"models:write\",\"models:delete\"]}"
        )
    );
}

#[wasm_bindgen_test]
fn a_search_finds_what_the_page_calls_things() {
    let words = INPUT.replace(
        "\"active\"",
        "\"words\": { \"Models\": \"Modelle\" }, \"active\"",
    );
    let mut form = TokenForm::new(&parsed(&words)).expect("a form");
    view(form.search("modelle"));
    let drawn = view(form.select_all());
    assert!(is_number(&drawn, "scopes.selected", 3));
    let named = TOKENS.replace(
        "\"active\": 1",
        "\"organizations\": { \"acme\": \"Works\" }, \"active\": 1",
    );
    let mut table = TokenTable::new(&parsed(&named)).expect("a table");
    assert!(is_number(&view(table.set_search("works")), "shown", 1));
}

#[wasm_bindgen_test]
fn what_was_filled_in_survives_as_text() {
    let mut form = form();
    view(form.set_name("ERP"));
    view(form.toggle_scope("uns:read"));
    let kept = form.to_json().expect("text");
    let restored = TokenForm::from_state(&parsed(INPUT), &kept).expect("a form");
    assert_eq!(text(&view(restored.view()), "name.value"), "ERP");
    for odd in ["", "{", "null", "[]", "{\"name\":1}"] {
        let empty = TokenForm::from_state(&parsed(INPUT), odd).expect("a form");
        assert_eq!(text(&view(empty.view()), "name.value"), "", "{odd}");
    }
}

#[wasm_bindgen_test]
fn an_input_that_does_not_fit_is_an_error_that_names_the_member() {
    let mut incomplete = INPUT.replace("\"limit\"", "\"limits\"");
    for (input, member) in [
        (parsed(&incomplete), "limit"),
        (JsValue::UNDEFINED, "id"),
        (JsValue::from(7), "id"),
        (parsed("[]"), "id"),
    ] {
        let error: JsValue = TokenForm::new(&input).err().expect("an error").into();
        let error: js_sys::Error = error.dyn_into().expect("an Error");
        let message = String::from(error.message());
        assert!(
            message.starts_with("FormInput: ") && message.contains(member),
            "{message}"
        );
    }
    incomplete.clear();
    let cycle = js_sys::Object::new();
    Reflect::set(&cycle, &"me".into(), &cycle).expect("an object");
    assert!(TokenForm::new(&cycle).is_err(), "an object in itself ends");
}

#[wasm_bindgen_test]
fn odd_arguments_change_nothing_or_throw() {
    let mut form = form();
    let before = form.to_json().ok();
    view(form.toggle_scope("no:such"));
    view(form.toggle_group(""));
    view(form.set_organization("elsewhere", true));
    view(form.touch("nothing"));
    assert_eq!(form.to_json().ok(), before);
    for days in [f64::NAN, f64::INFINITY, -1.0, 30.5] {
        let drawn = view(form.set_expiry(days));
        assert!(at(&drawn, "expiry.expiresAt").is_null(), "{days}");
        assert_eq!(at(&drawn, "canSubmit"), JsValue::FALSE, "{days}");
    }
    for now in [f64::NAN, -1.0] {
        assert!(form.set_now(now).is_err(), "{now}");
    }
    view(form.set_now(2_000_000_000_000.5));
}

#[wasm_bindgen_test]
fn any_answer_of_a_server_is_a_refusal() {
    let mut form = form();
    for problem in [
        JsValue::UNDEFINED,
        JsValue::from("no"),
        parsed("{\"status\":502}"),
        parsed("{\"errors\":[{\"field\":\"name\"}]}"),
    ] {
        let drawn = view(form.reject(&problem));
        assert_eq!(text(&drawn, "refusal.code"), "refused");
    }
    let at_name = r#"{ "errors": [{ "field": "name", "code": "name-invalid", "detail": "No." }] }"#;
    // Where the form's own rule is not broken, the server's word stands at the field.
    view(form.set_name("ERP"));
    let drawn = view(form.reject(&parsed(at_name)));
    assert_eq!(text(&drawn, "name.error.text"), "No.");
    assert!(at(&drawn, "refusal").is_null());
}

#[wasm_bindgen_test]
fn the_list_is_drawn_filtered_and_sorted() {
    let mut table = TokenTable::new(&parsed(TOKENS)).expect("a table");
    let drawn = view(table.view());
    assert_eq!(text(&drawn, "rows.0.badges.0.color"), "green");
    assert_eq!(text(&drawn, "rows.0.expires.code"), "expires-in");
    assert!(is_number(&drawn, "rows.0.expires.values.count", 30));
    assert!(at(&drawn, "rows.0.lastUsedAt").is_null());
    let drawn = view(table.set_filter("revoked"));
    assert_eq!(text(&drawn, "empty"), "no-match");
    assert!(table.set_filter("gone").is_err());
    assert!(table.sort_by("color").is_err());
    view(table.set_filter("all"));
    let drawn = view(table.sort_by("last_used"));
    assert_eq!(text(&drawn, "sort.column"), "last_used");
    let drawn = view(table.set_now(2_100_000_000_000.0));
    assert_eq!(text(&drawn, "rows.0.status"), "expired");
    let unfit = TOKENS.replace("2033-06-17T03:33:20Z", "soon");
    assert!(table.update(&parsed(&unfit)).is_err());
}
