//! The hand-written conversions read what core serializes: every member, under the same name. These
//! tests fail if core adds or renames a member.

use patrol::{
    http::api::{Me, TokenRecord},
    issue::rules::{self, Rejection},
};
use patrol_form::{
    form::Form,
    read::{Json, form_input, form_state, server_problem, table_input},
};
use patrol_policy::example;
use serde_json::{Value, json};
use std::borrow::Cow;

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
        "groups": example().groups(), "role_labels": { "admin": "Admin" },
    });
    serde_json::from_value(json).unwrap()
}

/// A record in which no member is null.
fn record() -> TokenRecord {
    let json = json!({
        "id": "4ySerkxJC4haEHngr6dQZg", "name": "ERP", "organizations": ["acme"],
        "scopes": ["uns:read"], "created_at": "2026-11-24T00:41:36Z",
        "last_used_at": "2026-11-24T00:42:36Z", "last_used_address": "192.0.2.7",
        "expires_at": "2026-12-24T00:41:36Z",
        "revoked_at": "2026-11-25T00:41:36Z", "status": "revoked",
        "idempotency_key": "8e03978e",
    });
    serde_json::from_value(json).unwrap()
}

fn form_input_with(me: &Value) -> Value {
    json!({ "me": me, "active": 3, "limit": 50, "now": 1_795_480_000_000_u64 })
}

fn table_input_with(record: &Value) -> Value {
    json!({ "tokens": [record], "more": true, "groups": example().groups(), "active": 3, "expired": 2, "revoked": 1, "limit": 50, "now": 1_795_480_000_000_u64 })
}

#[test]
fn form_input_reads_the_account() {
    let written = serde_json::to_value(me()).unwrap();
    let read = form_input(&parsed(&form_input_with(&written))).unwrap();
    assert_eq!(read.me, me());
    assert_eq!(read.me.groups, example().groups());
    assert_eq!((read.active, read.limit), (3, 50));
    assert_eq!(read.now.seconds(), 1_795_480_000);
}

#[test]
fn form_input_reads_every_member_of_the_account() {
    let written = serde_json::to_value(me()).unwrap();
    for name in written.as_object().unwrap().keys() {
        let mut without = written.clone();
        without.as_object_mut().unwrap().remove(name);
        let read = form_input(&parsed(&form_input_with(&without)));
        // Without a label the page shows the name.
        assert_eq!(read.is_ok(), name == "role_labels", "{name}");
    }
    for name in written["organizations"][0].as_object().unwrap().keys() {
        let mut without = written.clone();
        without["organizations"][0]
            .as_object_mut()
            .unwrap()
            .remove(name);
        assert!(
            form_input(&parsed(&form_input_with(&without))).is_err(),
            "{name}"
        );
    }
}

#[test]
fn optional_members_are_read() {
    let mut me = me();
    me.revocation_delay_seconds = Some(120);
    let mut json = form_input_with(&serde_json::to_value(&me).unwrap());
    assert!(form_input(&parsed(&json)).unwrap().words.is_empty());
    json["words"] = json!({ "Models": "Modelle", "UNS": 7 });
    let read = form_input(&parsed(&json)).unwrap();
    assert_eq!(read.me, me);
    let words = [("Models".to_owned(), "Modelle".to_owned())];
    assert_eq!(read.words, words, "other types are ignored");
}

#[test]
fn table_input_reads_a_record() {
    let written = serde_json::to_value(record()).unwrap();
    let read = table_input(&parsed(&table_input_with(&written))).unwrap();
    assert_eq!(read.tokens, [record()]);
    let counts = (read.active, read.expired, read.revoked);
    assert_eq!((read.more, counts), (true, (3, 2, 1)));
    // These members may be null.
    for name in [
        "scopes",
        "last_used_at",
        "last_used_address",
        "revoked_at",
        "idempotency_key",
    ] {
        let mut with_null = written.clone();
        with_null[name] = Value::Null;
        let expected: TokenRecord = serde_json::from_value(with_null.clone()).unwrap();
        let read = table_input(&parsed(&table_input_with(&with_null))).unwrap();
        assert_eq!(read.tokens, [expected], "{name}");
    }
}

#[test]
fn table_input_reads_every_member_of_a_record() {
    let written = serde_json::to_value(record()).unwrap();
    for (name, value) in written.as_object().unwrap() {
        assert!(!value.is_null(), "{name} is null in the example");
        let mut without = written.clone();
        without.as_object_mut().unwrap().remove(name);
        match table_input(&parsed(&table_input_with(&without))) {
            Err(_) => {}
            Ok(read) => assert_ne!(read.tokens, [record()], "{name} is not read"),
        }
    }
}

#[test]
fn table_input_reads_every_status() {
    let written = serde_json::to_value(record()).unwrap();
    for status in ["active", "expired", "revoked"] {
        let mut with = written.clone();
        with["status"] = json!(status);
        let expected: TokenRecord = serde_json::from_value(with.clone()).unwrap();
        let read = table_input(&parsed(&table_input_with(&with))).unwrap();
        assert_eq!(read.tokens, [expected]);
    }
}

#[test]
fn server_problem_reads_an_error_response() {
    let rejections = [Rejection::NameMissing, Rejection::ScopesMissing];
    let problem = rules::problem(&rejections);
    let read = server_problem(&parsed(&serde_json::to_value(&problem).unwrap()));
    assert_eq!(read.code.as_deref(), Some(problem.code.as_str()));
    assert_eq!(read.title.as_deref(), Some(problem.title));
    assert_eq!(read.detail.as_deref(), Some(problem.detail.as_ref()));
    assert_eq!(read.field, problem.field.map(Cow::into_owned));
    let errors: Vec<_> = read
        .errors
        .iter()
        .map(|error| (error.field.as_str(), error.code.as_str(), &error.detail))
        .collect();
    let written: Vec<_> = problem
        .errors
        .iter()
        .map(|error| (&*error.field, error.code.as_str(), &error.detail))
        .collect();
    assert_eq!(errors, written);
}

#[test]
fn server_problem_ignores_anything_else() {
    for odd in [
        json!(null),
        json!("no"),
        json!([1]),
        json!({ "errors": 1, "code": {} }),
    ] {
        assert_eq!(
            server_problem(&parsed(&odd)),
            server_problem(&Json::Null),
            "{odd}"
        );
    }
}

#[test]
fn form_state_reads_every_member_of_a_state() {
    let input = form_input(&parsed(&form_input_with(
        &serde_json::to_value(me()).unwrap(),
    )))
    .unwrap();
    let mut form = Form::new(input);
    form.set_name("ERP");
    form.select_all();
    form.submit();
    form.search("uns");
    let written = serde_json::to_value(form.state()).unwrap();
    assert_eq!(form_state(&parsed(&written)), Ok(form.state()));
    assert_eq!(form.state().scopes.len(), 1, "those that the user holds");
    for name in written.as_object().unwrap().keys() {
        let mut without = written.clone();
        without.as_object_mut().unwrap().remove(name);
        assert!(form_state(&parsed(&without)).is_err(), "{name}");
    }
}
