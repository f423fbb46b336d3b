//! The list as a state machine: what the user asks for, and rows of any tokens.

use patrol::{
    http::api::{TokenRecord, TokenStatus},
    listing::{Column, Sort},
    time::{DAY, Timestamp},
};
use patrol_form::table::{EXPIRY_WARNING, Empty, Filter, Table, TableInput};
use patrol_policy::example;
use serde_json::json;

const NOW: Timestamp = Timestamp::from_seconds(2_000_000_000);

/// A record as the origin would write it, of a token that expires and may have been revoked at these
/// times.
fn record(name: &str, scopes: Option<&[&str]>, expires: u64, revoked: Option<u64>) -> TokenRecord {
    let time = |seconds: u64| Timestamp::from_seconds(seconds).to_string();
    let status = TokenStatus::at(
        NOW,
        Timestamp::from_seconds(expires),
        revoked.map(Timestamp::from_seconds),
    );
    let json = json!({
        "id": format!("{name:0>22}"), "name": name, "organizations": ["acme"],
        "scopes": scopes, "created_at": time(NOW.seconds() - DAY), "last_used_at": null,
        "expires_at": time(expires), "revoked_at": revoked.map(time), "status": status,
    });
    serde_json::from_value(json).unwrap()
}

fn input(tokens: Vec<TokenRecord>) -> TableInput {
    let count = |status| tokens.iter().filter(|token| token.status == status).count();
    TableInput {
        active: count(TokenStatus::Active),
        expired: count(TokenStatus::Expired),
        revoked: count(TokenStatus::Revoked),
        tokens,
        more: false,
        groups: example().groups().to_vec(),
        limit: 50,
        now: NOW,
    }
}

#[test]
fn list_without_rows_says_why() {
    let mut table = Table::new(input(Vec::new()));
    assert_eq!(table.view().empty, Some(Empty::NoTokens));
    let others = TableInput {
        revoked: 1,
        ..input(Vec::new())
    };
    table.update(others.clone());
    assert_eq!(table.view().empty, Some(Empty::NoMatch));
    let more = TableInput {
        more: true,
        ..others
    };
    table.update(more);
    assert_eq!(table.view().empty, None, "a later page may have some");
}

#[test]
fn open_list_shows_a_token_as_expired_in_the_second_in_which_the_edge_rejects_it() {
    let mut table = Table::new(input(vec![record("a", None, NOW.seconds() + 2, None)]));
    for (later, status, active) in [
        (0, TokenStatus::Active, 1),
        (1, TokenStatus::Active, 1),
        (2, TokenStatus::Expired, 0),
    ] {
        table.set_now(NOW.plus(later));
        let view = table.view();
        assert_eq!(view.rows.first().unwrap().status, status, "{later}");
        assert_eq!((view.active, view.counts.active), (active, active));
        assert_eq!(view.counts.expired, 1 - active);
        assert_eq!(view.counts.all, 1);
    }
}

#[test]
fn warning_is_for_active_tokens_with_less_than_a_week_left() {
    let now = NOW.seconds();
    let week = now + EXPIRY_WARNING;
    let table = Table::new(input(vec![
        record("week", None, week, None),
        record("less", None, week - 1, None),
        record("revoked", None, week - 1, Some(now)),
    ]));
    let warned: Vec<_> = table.view().rows.iter().map(|row| row.warning).collect();
    assert_eq!(warned, [false, true, false]);
}

#[test]
fn badges_include_scopes_that_the_policy_no_longer_has() {
    let scopes: &[&str] = &["gone:read", "uns:read"];
    let token = record("a", Some(scopes), NOW.seconds() + 9, None);
    let view = Table::new(input(vec![token])).view();
    let badges = &view.rows.first().unwrap().badges;
    let shown: Vec<_> = badges
        .iter()
        .map(|badge| (badge.name.as_str(), badge.color.as_str()))
        .collect();
    assert_eq!(shown, [("uns:read", "green"), ("gone:read", "neutral")]);
}

#[test]
fn sorting_by_the_same_column_again_reverses_the_order() {
    let mut table = Table::new(input(Vec::new()));
    assert_eq!(table.view().sort, Sort::NEWEST_FIRST);
    for (column, descending) in [
        (Column::Name, false),
        (Column::Name, true),
        (Column::LastUsed, true),
        (Column::LastUsed, false),
        (Column::Created, true),
        (Column::Status, false),
    ] {
        table.sort_by(column);
        assert_eq!(table.view().sort, Sort { column, descending });
    }
}

/// The origin's answer comes later.
#[test]
fn choices_change_no_row_and_stay_when_rows_arrive() {
    let token = |name: &str| record(name, None, NOW.seconds() + 9, None);
    let mut table = Table::new(input(vec![token("b"), token("a")]));
    table.set_filter(Filter::Revoked);
    table.set_search("x");
    table.sort_by(Column::Name);
    let names =
        |table: &Table| -> Vec<_> { table.view().rows.into_iter().map(|row| row.name).collect() };
    assert_eq!(names(&table), ["b", "a"]);
    table.update(input(vec![token("c")]));
    assert_eq!(names(&table), ["c"]);
    let view = table.view();
    assert_eq!((view.filter, &*view.search), (Filter::Revoked, "x"));
    assert_eq!(view.sort.column, Column::Name);
}
