//! The list as a state machine: filter, search and sort order of any tokens.

use patrol::{
    http::api::{TokenRecord, TokenStatus},
    time::{DAY, Timestamp},
};
use patrol_form::table::{Column, EXPIRY_WARNING, Empty, Filter, Table, TableInput, TableView};
use patrol_policy::example;
use proptest::{prelude::*, sample::select};
use serde_json::json;
use std::collections::BTreeSet;

const NOW: Timestamp = Timestamp::from_seconds(2_000_000_000);

/// A record as the origin would write it.
fn record(
    number: usize,
    name: &str,
    scopes: Option<&[&str]>,
    times: (u64, Option<u64>, u64, Option<u64>),
) -> TokenRecord {
    let (created, used, expires, revoked) = times;
    let time = |seconds: u64| Timestamp::from_seconds(seconds).to_string();
    let status = TokenStatus::at(
        NOW,
        Timestamp::from_seconds(expires),
        revoked.map(Timestamp::from_seconds),
    );
    let json = json!({
        "id": format!("{number:022}"), "name": name, "organizations": ["acme"],
        "scopes": scopes, "created_at": time(created), "last_used_at": used.map(time),
        "expires_at": time(expires), "revoked_at": revoked.map(time), "status": status,
    });
    serde_json::from_value(json).unwrap()
}

fn input(tokens: Vec<TokenRecord>) -> TableInput {
    let active = tokens
        .iter()
        .filter(|token| token.status == TokenStatus::Active);
    TableInput {
        active: active.count(),
        tokens,
        organizations: vec![("acme".to_owned(), "Acme Manufacturing".to_owned())],
        groups: example().groups().to_vec(),
        limit: 50,
        now: NOW,
    }
}

fn names(view: &TableView) -> Vec<&str> {
    view.rows.iter().map(|row| row.name.as_str()).collect()
}

fn ids(view: &TableView) -> Vec<&str> {
    view.rows.iter().map(|row| row.id.as_str()).collect()
}

#[test]
fn empty_list_says_that_there_are_no_tokens() {
    let mut table = Table::new(input(Vec::new()));
    assert_eq!(table.view().empty, Some(Empty::NoTokens));
    table.set_search("x");
    assert_eq!(table.view().empty, Some(Empty::NoTokens));
}

#[test]
fn filter_that_matches_nothing_is_not_an_empty_list() {
    let now = NOW.seconds();
    let mut table = Table::new(input(vec![record(
        1,
        "a",
        None,
        (now, None, now + 9, None),
    )]));
    table.set_filter(Filter::Revoked);
    let view = table.view();
    assert_eq!(view.empty, Some(Empty::NoMatch));
    assert_eq!(view.counts.all, 1);
}

#[test]
fn open_list_shows_a_token_as_expired_in_the_second_in_which_the_edge_rejects_it() {
    let now = NOW.seconds();
    let mut table = Table::new(input(vec![record(
        1,
        "a",
        None,
        (now, None, now + 2, None),
    )]));
    for (later, status, active) in [
        (0, TokenStatus::Active, 1),
        (1, TokenStatus::Active, 1),
        (2, TokenStatus::Expired, 0),
    ] {
        table.set_now(NOW.plus(later));
        let view = table.view();
        assert_eq!(view.rows.first().unwrap().status, status, "{later}");
        assert_eq!(view.active, active, "{later}");
    }
}

#[test]
fn warning_is_for_active_tokens_with_less_than_a_week_left() {
    let now = NOW.seconds();
    let week = now + EXPIRY_WARNING;
    let table = Table::new(input(vec![
        record(1, "a week", None, (now, None, week, None)),
        record(2, "less", None, (now, None, week - 1, None)),
        record(3, "revoked", None, (now, None, week - 1, Some(now))),
    ]));
    let warned: Vec<_> = table.view().rows.iter().map(|row| row.warning).collect();
    assert_eq!(warned, [false, true, false]);
}

#[test]
fn badges_include_scopes_that_the_policy_no_longer_has() {
    let now = NOW.seconds();
    let scopes: &[&str] = &["gone:read", "uns:read"];
    let table = Table::new(input(vec![record(
        1,
        "a",
        Some(scopes),
        (now, None, now + 9, None),
    )]));
    let view = table.view();
    let badges = &view.rows.first().unwrap().badges;
    let shown: Vec<_> = badges
        .iter()
        .map(|badge| (badge.name.as_str(), badge.color.as_str()))
        .collect();
    assert_eq!(shown, [("uns:read", "green"), ("gone:read", "neutral")]);
}

#[test]
fn search_looks_in_names_scopes_organizations_and_the_start_of_ids() {
    let now = NOW.seconds();
    let scopes: &[&str] = &["uns:read"];
    let mut table = Table::new(input(vec![
        record(
            12,
            "ERP Data Sync",
            Some(scopes),
            (now, None, now + 9, None),
        ),
        record(34, "Grafana", None, (now, None, now + 9, None)),
    ]));
    for (search, found) in [
        ("", 2),
        ("erp sync", 1),
        ("erp grafana", 0),
        ("UNS:", 1),
        ("acme", 2),
        ("grafana MANU", 1),
        ("0000000000000000000034", 1),
        ("34", 0),
    ] {
        table.set_search(search);
        assert_eq!(table.view().shown, found, "{search}");
    }
}

#[test]
fn sorting_by_the_same_column_again_reverses_the_order() {
    let now = NOW.seconds();
    let token = |number: usize, name: &str| record(number, name, None, (now, None, now + 9, None));
    let mut table = Table::new(input(vec![token(1, "b"), token(2, "a10"), token(3, "A9")]));
    assert_eq!(
        names(&table.view()),
        ["b", "a10", "A9"],
        "the origin's order"
    );
    table.sort_by(Column::Name);
    assert_eq!(names(&table.view()), ["A9", "a10", "b"]);
    table.sort_by(Column::Name);
    assert_eq!(names(&table.view()), ["b", "a10", "A9"]);
}

fn tokens() -> impl Strategy<Value = Vec<TokenRecord>> {
    let scopes: Vec<_> = example()
        .scopes()
        .map(|scope| scope.name.as_str())
        .collect();
    let now = NOW.seconds();
    let token = (
        "[a-cA-C0-2 ]{1,5}",
        prop::option::of(prop::collection::btree_set(select(scopes), 1..4)),
        (
            now - 400 * DAY..now,
            prop::option::of(now - 30 * DAY..now),
            now - 10 * DAY..now + 300 * DAY,
            prop::option::weighted(0.3, now - 30 * DAY..now),
        ),
    );
    prop::collection::vec(token, 0..12).prop_map(|tokens| {
        let numbered = tokens.iter().enumerate();
        numbered
            .map(|(number, (name, scopes, times))| {
                let scopes: Option<Vec<_>> =
                    scopes.as_ref().map(|set| set.iter().copied().collect());
                record(number, name, scopes.as_deref(), *times)
            })
            .collect()
    })
}

const COLUMNS: [Column; 6] = [
    Column::Name,
    Column::Scopes,
    Column::Created,
    Column::LastUsed,
    Column::Expires,
    Column::Status,
];
const FILTERS: [Filter; 4] = [
    Filter::All,
    Filter::Active,
    Filter::Expired,
    Filter::Revoked,
];

/// What a column other than the name sorts by, as a number.
fn sort_key(column: Column, token: &TokenRecord) -> u64 {
    let time = |time: Option<Timestamp>| time.map_or(0, Timestamp::seconds);
    match column {
        Column::Scopes => token
            .scopes
            .as_ref()
            .map_or(u64::MAX, |scopes| scopes.len() as u64),
        Column::Created => token.created_at.seconds(),
        Column::LastUsed => time(token.last_used_at),
        Column::Expires => token.expires_at.seconds(),
        Column::Status => token.status as u64,
        Column::Name => 0,
    }
}

/// Keeps proptest from writing failures into the source tree.
fn config() -> ProptestConfig {
    ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn filters_partition_the_tokens_by_status(tokens in tokens()) {
        let mut table = Table::new(input(tokens.clone()));
        let all = table.view();
        prop_assert_eq!(all.shown, tokens.len());
        let mut seen = BTreeSet::new();
        for (filter, count) in FILTERS.into_iter().skip(1).zip([
            all.counts.active, all.counts.expired, all.counts.revoked,
        ]) {
            table.set_filter(filter);
            let view = table.view();
            prop_assert_eq!(view.shown, count);
            prop_assert_eq!(&view.counts, &all.counts, "counts ignore the filter");
            for id in ids(&view) {
                prop_assert!(seen.insert(id.to_owned()), "no token has two statuses");
            }
        }
        prop_assert_eq!(seen.len(), tokens.len());
        prop_assert_eq!(all.active, all.counts.active);
    }

    #[test]
    fn sorting_is_stable(
        tokens in tokens(),
        clicks in prop::collection::vec(select(COLUMNS.to_vec()), 1..5),
    ) {
        let mut table = Table::new(input(tokens.clone()));
        for column in clicks {
            table.sort_by(column);
        }
        let view = table.view();
        let index = |id: &str| tokens.iter().position(|token| token.id.as_str() == id).unwrap();
        for pair in ids(&view).windows(2) {
            let (above, below) = (index(pair[0]), index(pair[1]));
            let key = |index: usize| sort_key(view.sort.column, &tokens[index]);
            let order = match view.sort.column {
                Column::Name => {
                    patrol_form::order::natural(&tokens[above].name, &tokens[below].name)
                }
                _ => key(above).cmp(&key(below)),
            };
            let order = if view.sort.descending { order.reverse() } else { order };
            prop_assert!(order.is_le());
            prop_assert!(order.is_lt() || above < below);
        }
    }

    #[test]
    fn update_keeps_filter_search_and_sort_order(before in tokens(), after in tokens()) {

        let mut table = Table::new(input(before));
        table.set_filter(Filter::Active);
        table.set_search("a");
        table.sort_by(Column::Name);
        table.update(input(after.clone()));
        let updated = table.view();
        let mut fresh = Table::new(input(after));
        fresh.set_filter(Filter::Active);
        fresh.set_search("a");
        fresh.sort_by(Column::Name);
        prop_assert_eq!(updated, fresh.view());
    }
}
