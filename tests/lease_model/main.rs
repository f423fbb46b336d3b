//! A model check of the leases: tries every order of events against the code that runs.
//!
//! Edges and a registry use [`patrol::revocation::lease`] as the Workers do. Messages are lost,
//! late, duplicated and out of order; clocks drift; the registry restarts, possibly on a machine
//! with another time; its setting changes; KV shows any older list or none. The checker visits
//! every reachable state. `model.rs` explains what keeps their number small, and how clocks are
//! modelled. Within each size below, nothing else is limited: neither steps nor restarts nor
//! leases, except where the table says so.
//!
//! | edges | tokens | responses in flight | lengths | states |
//! |---|---|---|---|---|
//! | 1 | 1 | 1 | 4 and 5 | 633 492 |
//! | 1 | 1 | 2 | 4 | 429 423 |
//! | 1 | 2 | 1 | 4 | 396 480 |
//! | 2 | 1 | 1 | 4 | 374 076 |
//! | 2 | 2 | 1 | 3 | 430 912 |
//! | 2 | 1 | 2 | 3 | 240 819 |
//! | 3 | 1 | 1 | 3 | 71 933 |
//! | 3 | 1 | 2 | 3, the first 13 steps | 550 819 |
//!
//! The tests assert these numbers: a model that explores less fails. The tests with a flaw show
//! that the check finds such flaws.
//!
//! Left out: the bits of a list, represented by its version ([`patrol::revocation::known_list`] has
//! its own tests); clocks that are set during a lease, which no rule can always detect; a registry
//! whose storage returns to an older state ([`patrol::revocation::lease`] has tests for that);
//! stale grace and `kv` mode, which promise less.

mod model;

use model::{Flaw, Leases, SAFE};
use stateright::{Checker, Model};

/// A lease of three ticks; its holder uses one.
const SHORT: &[u64] = &[3];
/// A lease of four ticks; its holder uses two.
const USUAL: &[u64] = &[4];
/// A setting that changes.
const CHANGING: &[u64] = &[4, 5];

/// Checks all states, and that their number matches the table.
fn assert_safe(model: Leases, states: usize) {
    let description = format!("{model:?}");
    let checker = model.checker().spawn_bfs().join();
    report(&description, &checker);
    checker.assert_properties();
    assert_eq!(
        checker.unique_state_count(),
        states,
        "the model has another number of states; if that is intended, update the table"
    );
}

fn report(model: &str, checker: &impl Checker<Leases>) {
    println!(
        "{model}: {} states, {} transitions, depth {}",
        checker.unique_state_count(),
        checker.state_count(),
        checker.max_depth()
    );
}

/// Checks that a run with this flaw breaks the promise.
fn assert_unsafe(flaw: Flaw, lengths: &'static [u64]) {
    let model = Leases {
        lengths,
        flaw: Some(flaw),
        ..Leases::SMALL
    };
    let checker = model.checker().spawn_bfs().join();
    report(&format!("{flaw:?}"), &checker);
    let counterexample = checker
        .discovery(SAFE)
        .expect("a run that breaks the promise");
    println!("{:#?}", counterexample.into_actions());
}

#[test]
fn one_edge_keeps_the_promise_whenever_the_setting_changes() {
    let lengths = CHANGING;
    assert_safe(
        Leases {
            lengths,
            ..Leases::SMALL
        },
        633_492,
    );
}

#[test]
fn one_edge_keeps_the_promise_with_responses_out_of_order() {
    let in_flight = 2;
    assert_safe(
        Leases {
            in_flight,
            ..Leases::SMALL
        },
        429_423,
    );
}

#[test]
fn one_edge_keeps_the_promise_for_two_tokens() {
    let tokens = 2;
    assert_safe(
        Leases {
            tokens,
            ..Leases::SMALL
        },
        396_480,
    );
}

#[test]
fn two_edges_keep_the_promise() {
    let edges = 2;
    assert_safe(
        Leases {
            edges,
            ..Leases::SMALL
        },
        374_076,
    );
}

#[test]
fn two_edges_keep_the_promise_for_two_tokens() {
    let model = Leases {
        edges: 2,
        tokens: 2,
        lengths: SHORT,
        ..Leases::SMALL
    };
    assert_safe(model, 430_912);
}

#[test]
fn two_edges_keep_the_promise_with_responses_out_of_order() {
    let model = Leases {
        edges: 2,
        in_flight: 2,
        lengths: SHORT,
        ..Leases::SMALL
    };
    assert_safe(model, 240_819);
}

#[test]
fn three_edges_keep_the_promise() {
    let model = Leases {
        edges: 3,
        lengths: SHORT,
        ..Leases::SMALL
    };
    assert_safe(model, 71_933);
}

#[test]
fn three_edges_keep_the_promise_in_the_first_steps_with_responses_out_of_order() {
    let model = Leases {
        edges: 3,
        in_flight: 2,
        lengths: SHORT,
        ..Leases::SMALL
    };
    let checker = model.checker().target_max_depth(13).spawn_bfs().join();
    report("three edges, two responses, 13 steps", &checker);
    checker.assert_no_discovery(SAFE);
    assert_eq!(
        checker.unique_state_count(),
        550_819,
        "the model has another number of states; if that is intended, update the table"
    );
}

#[test]
fn check_fails_without_the_restart_rule() {
    assert_unsafe(Flaw::NoRestartRule, USUAL);
}

#[test]
fn check_fails_with_a_lease_counted_from_the_response() {
    assert_unsafe(Flaw::ClockAfterResponse, USUAL);
}

#[test]
fn check_fails_without_a_margin() {
    assert_unsafe(Flaw::NoMargin, USUAL);
}

#[test]
fn check_fails_with_a_response_that_lacks_a_committed_revocation() {
    assert_unsafe(Flaw::OldContent, USUAL);
}

#[test]
fn check_fails_with_a_time_that_another_clock_recorded() {
    assert_unsafe(Flaw::OtherClock, USUAL);
}

#[test]
fn check_fails_with_a_length_that_was_not_recorded() {
    assert_unsafe(Flaw::LostLength, CHANGING);
}
