//! Parameters, cursors, and that pages together are the list, whatever happens between them.

use super::*;
use crate::{ids::TokenId, time::DAY};
use base64ct::{Base64UrlUnpadded, Encoding};
use proptest::{prelude::*, sample::select};
use std::convert::Infallible;

const NOW: Timestamp = Timestamp::from_seconds(2_000_000_000);

fn parse(query: &[(&str, &str)]) -> Result<TokenQuery, InvalidParameter> {
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    TokenQuery::parse(query.iter().map(owned))
}

#[test]
fn query_names_the_invalid_parameter_and_the_fix() {
    let created = Cursor::start(Sort::NEWEST_FIRST, NOW).encode();
    let long = "x".repeat(MAX_SEARCH + 1);
    let too_long = "A".repeat(5_000);
    for (query, name, fix) in [
        (&[("limit", "0")][..], "limit", "from 1 to 200"),
        (&[("limit", "201")], "limit", "from 1 to 200"),
        (&[("limit", "-1")], "limit", "from 1 to 200"),
        (&[("limit", "+5")], "limit", "from 1 to 200"),
        (&[("limit", "05")], "limit", "from 1 to 200"),
        (&[("limit", "5.0")], "limit", "from 1 to 200"),
        (&[("limit", "")], "limit", "from 1 to 200"),
        (&[("limit", "99999999999999999999")], "limit", "from 1 to"),
        (&[("status", "all")], "status", "leave it out"),
        (&[("status", "Active")], "status", "active, expired or"),
        (&[("sort", "")], "sort", "one of name, scopes, created"),
        (&[("sort", "--name")], "sort", "one of name"),
        (&[("sort", "id")], "sort", "one of name"),
        (&[("search", &long)], "search", "Shorten it to 1024 bytes"),
        (&[("after", "")], "after", "next"),
        (&[("after", "bm9uc2Vuc2U")], "after", "next"),
        (&[("after", &too_long)], "after", "next"),
        (&[("after", &created), ("sort", "created")], "after", "same"),
        (&[("sort", "name"), ("sort", "name")], "sort", "once"),
        (&[("page", "2")], "page", "Remove it"),
        (&[("Limit", "2")], "Limit", "limit, after, status"),
    ] {
        let error = parse(query).expect_err("invalid");
        assert_eq!(error.name, name, "{query:?}");
        assert!(error.fix.contains(fix), "{query:?}: {}", error.fix);
    }
    let unknown = parse(&[(&long, "")]).expect_err("unknown");
    assert_eq!(unknown.name.len(), 64);
}

#[test]
fn query_without_parameters_is_for_the_newest_tokens() {
    assert_eq!(
        parse(&[]),
        parse(&[("sort", "-created"), ("limit", "50"), ("search", " ")])
    );
    let query = parse(&[("status", "expired"), ("search", "ERP  Ärger")]).unwrap();
    assert_eq!(query.status, Some(TokenStatus::Expired));
    assert_eq!(query.words, ["erp", "ärger"]);
}

#[test]
fn sort_order_is_written_as_it_is_read() {
    for column in Column::ALL {
        for descending in [false, true] {
            let sort = Sort { column, descending };
            assert_eq!(sort.to_string().parse(), Ok(sort));
            assert_eq!(Cursor::start(sort, NOW).sort(), sort);
        }
    }
}

#[test]
fn cursor_that_was_changed_is_refused() {
    let encode = |json: &str| Base64UrlUnpadded::encode_string(json.as_bytes());
    let number = r#""after":{"value":1,"row":2}"#;
    let text = r#""after":{"value":"a","row":2}"#;
    for good in [
        format!(r#"{{"sort":"created",{number}}}"#),
        format!(r#"{{"sort":"-name",{text}}}"#),
        format!(r#"{{"sort":"status",{number},"group":"expired","as_of":5}}"#),
        r#"{"sort":"-status","group":"active","as_of":5}"#.to_owned(),
    ] {
        let cursor = Cursor::decode(&encode(&good)).expect("a cursor");
        assert_eq!(Cursor::decode(&cursor.encode()), Some(cursor));
    }
    for bad in [
        String::new(),
        "[]".to_owned(),
        r#"["created",{"value":1,"row":2}]"#.to_owned(),
        format!(r#"{{"sort":"created",{text}}}"#),
        format!(r#"{{"sort":"name",{number}}}"#),
        format!(r#"{{"sort":"status",{number}}}"#),
        format!(r#"{{"sort":"created",{number},"group":"active","as_of":5}}"#),
        format!(r#"{{"sort":"created",{number},"owner":"otto"}}"#),
        r#"{"sort":"created","after":{"value":-1,"row":2}}"#.to_owned(),
        r#"{"sort":"created","after":{"value":1}}"#.to_owned(),
    ] {
        assert_eq!(Cursor::decode(&encode(&bad)), None, "{bad}");
    }
    assert_eq!(Cursor::decode("not base64!"), None);
}

/// A token as the registry stores it.
#[derive(Debug, Clone)]
struct Stored {
    row: u64,
    name: String,
    scopes: Option<usize>,
    created_at: u64,
    used_at: Option<u64>,
    expires_at: u64,
    revoked_at: Option<u64>,
}

impl Stored {
    fn value(&self, key: Key) -> Value {
        Value::Number(match key {
            Key::Name => return Value::Text(natural_key(&self.name)),
            Key::Scopes => self.scopes.map_or(1_000, |count| count as u64),
            Key::Created => self.created_at,
            Key::LastUsed => self.used_at.unwrap_or(0),
            Key::Expires => self.expires_at,
        })
    }

    fn id(&self) -> TokenId {
        format!("{:022}", self.row).parse().unwrap()
    }

    fn record(&self, now: Timestamp) -> TokenRecord {
        let time = Timestamp::from_seconds;
        let revoked_at = self.revoked_at.map(time);
        TokenRecord {
            id: self.id(),
            name: self.name.clone(),
            organizations: vec!["acme".parse().unwrap()],
            scopes: self.scopes.map(|count| vec!["uns:read".to_owned(); count]),
            created_at: time(self.created_at),
            last_used_at: self.used_at.map(time),
            last_used_address: None,
            expires_at: time(self.expires_at),
            revoked_at,
            status: TokenStatus::at(now, time(self.expires_at), revoked_at),
            idempotency_key: None,
        }
    }
}

/// What the registry's statements do.
fn read(stored: &[Stored], rows: &Rows, now: Timestamp) -> Vec<Row> {
    let mut found: Vec<_> = stored
        .iter()
        .map(|token| Row {
            position: Position {
                value: token.value(rows.key),
                row: token.row,
            },
            record: token.record(now),
        })
        .collect();
    found.sort_by(|a, b| a.position.cmp(&b.position));
    if rows.descending {
        found.reverse();
    }
    let is_behind = |row: &Row| match &rows.after {
        None => true,
        Some(after) if rows.descending => row.position < *after,
        Some(after) => row.position > *after,
    };
    found
        .into_iter()
        .filter(is_behind)
        .take(rows.limit)
        .collect()
}

fn page_of(stored: &[Stored], query: &TokenQuery, now: Timestamp) -> Page {
    let named = [("acme".to_owned(), "Acme Manufacturing".to_owned())];
    page(query, now, &named, |rows| {
        Ok::<_, Infallible>(read(stored, rows, now))
    })
    .unwrap()
}

fn stored(row: u64, name: &str) -> Stored {
    Stored {
        row,
        name: name.to_owned(),
        scopes: Some(1),
        created_at: NOW.seconds() - 1_000 + row,
        used_at: None,
        expires_at: NOW.seconds() + DAY,
        revoked_at: None,
    }
}

fn names(page: &Page) -> Vec<&str> {
    page.tokens.iter().map(|token| &*token.name).collect()
}

#[test]
fn search_looks_in_names_scopes_organizations_and_the_start_of_ids() {
    let mut unrestricted = stored(34, "Grafana");
    unrestricted.scopes = None;
    let tokens = [stored(12, "ERP Data Sync"), unrestricted];
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
        let page = page_of(&tokens, &parse(&[("search", search)]).unwrap(), NOW);
        assert_eq!(page.tokens.len(), found, "{search}");
        assert_eq!(page.next, None);
    }
}

#[test]
fn status_is_sorted_by_the_clock() {
    let now = NOW.seconds();
    let mut tokens = [
        stored(1, "a"),
        stored(2, "b"),
        stored(3, "c"),
        stored(4, "d"),
    ];
    tokens[1].expires_at = now;
    tokens[2].revoked_at = Some(now - 60);
    tokens[2].expires_at = now - 30;
    let sorted = |sort, now| {
        let page = page_of(&tokens, &parse(&[("sort", sort)]).unwrap(), now);
        names(&page).join("")
    };
    assert_eq!(sorted("status", NOW.plus(1)), "dabc");
    assert_eq!(sorted("-status", NOW.plus(1)), "cbda");
    let expired = page_of(&tokens, &parse(&[("status", "expired")]).unwrap(), NOW);
    assert_eq!(names(&expired), ["b"], "in the second of its expiration");
}

#[test]
fn page_reads_a_bounded_number_of_rows() {
    let tokens: Vec<_> = (1..=3_000).map(|row| stored(row, "same")).collect();
    let mut query = parse(&[("search", "nowhere")]).unwrap();
    let mut pages = 0;
    loop {
        let mut rows_read = 0;
        let page = page(&query, NOW, &[], |rows| {
            let found = read(&tokens, rows, NOW);
            rows_read += found.len();
            Ok::<_, Infallible>(found)
        });
        let page = page.unwrap();
        assert!(rows_read <= MAX_READ + CHUNK, "{rows_read}");
        assert!(page.tokens.is_empty());
        pages += 1;
        match page.next {
            Some(next) => {
                let after = next.encode();
                query = parse(&[("search", "nowhere"), ("after", &after)]).unwrap();
            }
            None => break,
        }
    }
    assert_eq!(pages, 3);
    let mut rows_read = 0;
    let newest = page(&parse(&[]).unwrap(), NOW, &[], |rows| {
        rows_read += rows.limit;
        Ok::<_, Infallible>(read(&tokens, rows, NOW))
    });
    assert_eq!((newest.unwrap().tokens.len(), rows_read), (50, 51));
}

/// What can happen between two pages.
#[derive(Debug, Clone)]
enum Event {
    Create(Stored),
    /// The token with this number is revoked, in the same second as the last page or later.
    Revoke(usize),
    /// A second passes, and tokens expire.
    Tick,
}

fn token() -> impl Strategy<Value = Stored> {
    let now = NOW.seconds();
    (
        "[a-cA-C0-2 ]{1,4}",
        prop::option::of(1..4_usize),
        now - 20..=now,
        prop::option::of(now - 5..=now),
        now - 3..now + 6,
        prop::option::weighted(0.3, now - 3..=now),
    )
        .prop_map(
            |(name, scopes, created_at, used_at, expires_at, revoked_at)| Stored {
                row: 0,
                name,
                scopes,
                created_at,
                used_at,
                expires_at,
                revoked_at,
            },
        )
}

fn numbered(tokens: Vec<Stored>) -> Vec<Stored> {
    (1..)
        .zip(tokens)
        .map(|(row, token)| Stored { row, ..token })
        .collect()
}

fn events() -> impl Strategy<Value = Vec<Vec<Event>>> {
    let event = prop_oneof![
        token().prop_map(Event::Create),
        (0..20_usize).prop_map(Event::Revoke),
        Just(Event::Tick),
    ];
    prop::collection::vec(prop::collection::vec(event, 0..4), 30)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// The main promise.
    #[test]
    fn no_token_comes_twice_and_none_is_left_out(
        tokens in prop::collection::vec(token(), 0..14).prop_map(numbered),
        events in events(),
        column in select(Column::ALL.to_vec()),
        descending: bool,
        limit in 1..5_usize,
    ) {
        let sort = Sort { column, descending }.to_string();
        let limit = limit.to_string();
        let mut stored = tokens.clone();
        let mut now = NOW;
        let mut query = parse(&[("sort", &sort), ("limit", &limit)]).unwrap();
        let mut seen: Vec<TokenId> = Vec::new();
        for events in events {
            let page = page_of(&stored, &query, now);
            seen.extend(page.tokens.into_iter().map(|token| token.id));
            let Some(next) = page.next else { break };
            let after = next.encode();
            query = parse(&[("sort", &sort), ("limit", &limit), ("after", &after)]).unwrap();
            for event in events {
                match event {
                    Event::Create(token) => {
                        let row = stored.len() as u64 + 1;
                        stored.push(Stored { row, created_at: now.seconds(), ..token });
                    }
                    Event::Revoke(index) => {
                        if let Some(token) = stored.get_mut(index) {
                            token.revoked_at.get_or_insert(now.seconds());
                        }
                    }
                    Event::Tick => now = now.plus(1),
                }
            }
        }
        let mut unique = seen.clone();
        unique.sort();
        unique.dedup();
        prop_assert_eq!(unique.len(), seen.len(), "a token came twice");
        for token in &tokens {
            prop_assert!(seen.contains(&token.id()), "{:?} was left out", token);
        }
    }

    #[test]
    fn pages_together_are_the_filtered_list_in_order(
        tokens in prop::collection::vec(token(), 0..14).prop_map(numbered),
        column in select(Column::ALL.to_vec()),
        descending: bool,
        limit in 1..5_usize,
        status in select(vec!["", "active", "expired", "revoked"]),
    ) {
        let (sort, limit) = (Sort { column, descending }.to_string(), limit.to_string());
        let mut fixed = vec![("sort", &*sort), ("limit", &*limit)];
        if !status.is_empty() {
            fixed.push(("status", status));
        }
        let now = NOW.plus(1);
        let mut found = Vec::new();
        let mut after = None::<String>;
        loop {
            let mut parameters = fixed.clone();
            parameters.extend(after.as_deref().map(|after| ("after", after)));
            let page = page_of(&tokens, &parse(&parameters).unwrap(), now);
            found.extend(page.tokens);
            match page.next {
                Some(next) => after = Some(next.encode()),
                None => break,
            }
        }
        let rank = |token: &TokenRecord| match token.status {
            TokenStatus::Active => 0_u8,
            TokenStatus::Expired => 1,
            TokenStatus::Revoked => 2,
        };
        let in_order = found.windows(2).all(|pair| {
            let [a, b] = pair else { return true };
            let order = match column {
                Column::Name => natural_key(&a.name).cmp(&natural_key(&b.name)),
                Column::Scopes => {
                    let count = |token: &TokenRecord| {
                        token.scopes.as_ref().map_or(usize::MAX, Vec::len)
                    };
                    count(a).cmp(&count(b))
                }
                Column::Created => a.created_at.cmp(&b.created_at),
                Column::LastUsed => a.last_used_at.cmp(&b.last_used_at),
                Column::Expires => a.expires_at.cmp(&b.expires_at),
                // Those of this second and the one before are still in their old places.
                Column::Status => rank(a).cmp(&rank(b)),
            };
            if descending { order.is_ge() } else { order.is_le() }
        });
        prop_assert!(in_order || column == Column::Status);
        let expected = tokens.iter().filter(|token| {
            let status_now = token.record(now).status;
            status.is_empty() || status == format!("{status_now:?}").to_lowercase()
        });
        let mut expected: Vec<_> = expected.map(Stored::id).collect();
        let mut ids: Vec<_> = found.into_iter().map(|token| token.id).collect();
        expected.sort();
        ids.sort();
        prop_assert_eq!(ids, expected);
    }
}
