//! What the module reads by hand is what core writes: every member, under the same name, and
//! with the same meaning. A member that core gains or renames fails here.

use patrol::{
    http::api::{Me, TokenRecord},
    issue::rules::{self, Rejection},
    policy::POLICY,
};
use patrol_form::{
    form::Form,
    read::{Json, form_input, refusal, state, table_input},
};
use serde_json::{Value, json};

/// As the browser's parser would give it.
fn parsed(value: &Value) -> Json {
    match value {
        Value::Null => Json::Null,
        Value::Bool(flag) => Json::Bool(*flag),
        Value::Number(number) => Json::Number(number.as_f64().unwrap()),
        Value::String(text) => Json::Text(text.clone()),
        Value::Array(values) => Json::List(values.iter().map(parsed).collect()),
        Value::Object(members) => Json::Object(
            members
                .iter()
                .map(|(name, value)| (name.clone(), parsed(value)))
                .collect(),
        ),
    }
}

fn me() -> Me {
    let json = json!({
        "id": "ada", "name": "Ada", "email": "ada@example.com", "rbac": true,
        "organizations": [
            { "id": "acme", "name": "Acme", "roles": ["admin"], "scopes": ["uns:read"] },
        ],
    });
    serde_json::from_value(json).unwrap()
}

/// One with a value for every member that can be null.
fn record() -> TokenRecord {
    let json = json!({
        "id": "4ySerkxJC4haEHngr6dQZg", "name": "ERP", "organizations": ["acme"],
        "scopes": ["uns:read"], "created_at": "2026-11-24T00:41:36Z",
        "last_used_at": "2026-11-24T00:42:36Z", "last_used_address": "192.0.2.7",
        "expires_at": "2026-12-24T00:41:36Z",
        "revoked_at": "2026-11-25T00:41:36Z", "status": "revoked",
    });
    serde_json::from_value(json).unwrap()
}

fn as_form_input(me: &Value) -> Value {
    json!({ "me": me, "active": 3, "limit": 50, "now": 1_795_480_000_000_u64 })
}

fn as_table_input(record: &Value) -> Value {
    json!({ "tokens": [record], "active": 3, "limit": 50, "now": 1_795_480_000_000_u64 })
}

#[test]
fn the_account_is_read_as_it_was_written() {
    let written = serde_json::to_value(me()).unwrap();
    let read = form_input(&parsed(&as_form_input(&written))).unwrap();
    assert_eq!(read.me, me());
    assert_eq!((read.active, read.limit), (3, 50));
    assert_eq!(read.now.seconds(), 1_795_480_000);
}

#[test]
fn every_member_of_the_account_is_read() {
    let written = serde_json::to_value(me()).unwrap();
    for name in written.as_object().unwrap().keys() {
        let mut without = written.clone();
        without.as_object_mut().unwrap().remove(name);
        assert!(
            form_input(&parsed(&as_form_input(&without))).is_err(),
            "{name}"
        );
    }
    for name in written["organizations"][0].as_object().unwrap().keys() {
        let mut without = written.clone();
        without["organizations"][0]
            .as_object_mut()
            .unwrap()
            .remove(name);
        assert!(
            form_input(&parsed(&as_form_input(&without))).is_err(),
            "{name}"
        );
    }
}

#[test]
fn what_a_page_may_leave_out_is_read_where_it_is_there() {
    let mut me = me();
    me.revocation_delay_seconds = Some(120);
    let mut json = as_form_input(&serde_json::to_value(&me).unwrap());
    assert!(form_input(&parsed(&json)).unwrap().words.is_empty());
    json["words"] = json!({ "Models": "Modelle", "UNS": 7 });
    let read = form_input(&parsed(&json)).unwrap();
    assert_eq!(read.me, me);
    let words = [("Models".to_owned(), "Modelle".to_owned())];
    assert_eq!(read.words, words, "no word is no reason to fail");

    let mut json = as_table_input(&serde_json::to_value(record()).unwrap());
    let read = table_input(&parsed(&json)).unwrap();
    assert!(read.organizations.is_empty());
    json["organizations"] = json!({ "acme": "Acme" });
    let read = table_input(&parsed(&json)).unwrap();
    let named = [("acme".to_owned(), "Acme".to_owned())];
    assert_eq!(read.organizations, named);
}

#[test]
fn a_record_is_read_as_it_was_written() {
    let written = serde_json::to_value(record()).unwrap();
    let read = table_input(&parsed(&as_table_input(&written))).unwrap();
    assert_eq!(read.tokens, [record()]);
    // Null has a meaning of its own in each of these.
    for name in ["scopes", "last_used_at", "last_used_address", "revoked_at"] {
        let mut with_null = written.clone();
        with_null[name] = Value::Null;
        let expected: TokenRecord = serde_json::from_value(with_null.clone()).unwrap();
        let read = table_input(&parsed(&as_table_input(&with_null))).unwrap();
        assert_eq!(read.tokens, [expected], "{name}");
    }
}

#[test]
fn every_member_of_a_record_is_read() {
    let written = serde_json::to_value(record()).unwrap();
    for (name, value) in written.as_object().unwrap() {
        assert!(!value.is_null(), "{name} has a value that can be missed");
        let mut without = written.clone();
        without.as_object_mut().unwrap().remove(name);
        match table_input(&parsed(&as_table_input(&without))) {
            Err(_) => {}
            Ok(read) => assert_ne!(read.tokens, [record()], "{name} is not read"),
        }
    }
}

#[test]
fn every_status_is_known() {
    let written = serde_json::to_value(record()).unwrap();
    for status in ["active", "expired", "revoked"] {
        let mut with = written.clone();
        with["status"] = json!(status);
        let expected: TokenRecord = serde_json::from_value(with.clone()).unwrap();
        let read = table_input(&parsed(&as_table_input(&with))).unwrap();
        assert_eq!(read.tokens, [expected]);
    }
}

#[test]
fn a_refusal_is_read_as_it_was_written() {
    let rejections = [Rejection::NameMissing, Rejection::ScopesMissing];
    let problem = rules::problem(&rejections);
    let read = refusal(&parsed(&serde_json::to_value(&problem).unwrap()));
    assert_eq!(read.code.as_deref(), Some(problem.code.as_str()));
    assert_eq!(read.title.as_deref(), Some(problem.title));
    assert_eq!(read.detail.as_deref(), Some(problem.detail.as_ref()));
    assert_eq!(read.field.as_deref(), problem.field);
    let errors: Vec<_> = read
        .errors
        .iter()
        .map(|error| (error.field.as_str(), error.code.as_str(), &error.detail))
        .collect();
    let written: Vec<_> = problem
        .errors
        .iter()
        .map(|error| (error.field, error.code.as_str(), &error.detail))
        .collect();
    assert_eq!(errors, written);
}

#[test]
fn anything_else_is_a_refusal_all_the_same() {
    for odd in [
        json!(null),
        json!("no"),
        json!([1]),
        json!({ "errors": 1, "code": {} }),
    ] {
        assert_eq!(refusal(&parsed(&odd)), refusal(&Json::Null), "{odd}");
    }
}

#[test]
fn a_kept_state_is_read_as_it_was_written() {
    let input = form_input(&parsed(&as_form_input(
        &serde_json::to_value(me()).unwrap(),
    )))
    .unwrap();
    let mut form = Form::new(input);
    form.set_name("ERP");
    form.select_all();
    form.submit();
    form.search("uns");
    let written = serde_json::to_value(form.state()).unwrap();
    assert_eq!(state(&parsed(&written)), Ok(form.state()));
    assert_eq!(form.state().scopes.len(), POLICY.scopes.len());
    for name in written.as_object().unwrap().keys() {
        let mut without = written.clone();
        without.as_object_mut().unwrap().remove(name);
        assert!(state(&parsed(&without)).is_err(), "{name}");
    }
}
