//! A model check of the leases: every order of events is tried, against the code that runs.
//!
//! Edges and a registry use [`patrol::revocation::lease`] as the Workers do, while messages are lost, late,
//! doubled and out of order, clocks run apart, the registry restarts, also on a machine with
//! another time, its setting changes, and KV shows any older list or none. The checker goes
//! through all states that this can lead to; `model.rs` says how they are kept few enough for
//! that, and how clocks are tried. Within each size below there is no other limit: no number of
//! steps, restarts or leases, except where it says so.
//!
//! | edges | tokens | answers underway | lengths | states |
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
//! The numbers are part of the tests: a model that tries less than it says is a failed test.
//! The tests with a mistake show that the check sees what it is for.
//!
//! Left out: the bits of a list, for which a version stands ([`patrol::revocation::known_list`] has its own
//! tests); clocks that are set back or forward while a lease is counted, which no rule can always
//! see, and a registry whose storage goes back to an older state ([`patrol::revocation::lease`] has tests of
//! what it does then); stale grace and `kv` mode, which promise less.

mod model;

use model::{Flaw, Leases, SAFE};
use stateright::{Checker, Model};

/// A lease of three readings, of which a holder uses one.
const SHORT: &[u64] = &[3];
/// A lease of four, of which it uses two.
const USUAL: &[u64] = &[4];
/// A setting that changes.
const CHANGING: &[u64] = &[4, 5];

/// Tries everything, and holds that it was as much as the table says.
fn holds(model: Leases, states: usize) {
    let what = format!("{model:?}");
    let checker = model.checker().spawn_bfs().join();
    report(&what, &checker);
    checker.assert_properties();
    assert_eq!(
        checker.unique_state_count(),
        states,
        "the model is another one"
    );
}

fn report(what: &str, checker: &impl Checker<Leases>) {
    println!(
        "{what}: {} states, by {} steps between them; depth {}",
        checker.unique_state_count(),
        checker.state_count(),
        checker.max_depth()
    );
}

/// Tries until the mistake is found.
fn is_found_wrong(flaw: Flaw, lengths: &'static [u64]) {
    let model = Leases {
        lengths,
        flaw: Some(flaw),
        ..Leases::SMALL
    };
    let checker = model.checker().spawn_bfs().join();
    report(&format!("{flaw:?}"), &checker);
    let run = checker
        .discovery(SAFE)
        .expect("a run that shows the mistake");
    println!("{:#?}", run.into_actions());
}

#[test]
fn one_edge_keeps_the_promise_whatever_the_setting_was_or_becomes() {
    let lengths = CHANGING;
    holds(
        Leases {
            lengths,
            ..Leases::SMALL
        },
        633_492,
    );
}

#[test]
fn one_edge_keeps_the_promise_with_answers_out_of_order() {
    let underway = 2;
    holds(
        Leases {
            underway,
            ..Leases::SMALL
        },
        429_423,
    );
}

#[test]
fn one_edge_keeps_the_promise_for_two_tokens() {
    let tokens = 2;
    holds(
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
    holds(
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
    holds(model, 430_912);
}

#[test]
fn two_edges_keep_the_promise_with_answers_out_of_order() {
    let model = Leases {
        edges: 2,
        underway: 2,
        lengths: SHORT,
        ..Leases::SMALL
    };
    holds(model, 240_819);
}

#[test]
fn three_edges_keep_the_promise() {
    let model = Leases {
        edges: 3,
        lengths: SHORT,
        ..Leases::SMALL
    };
    holds(model, 71_933);
}

#[test]
fn three_edges_keep_the_promise_in_the_first_steps_with_answers_out_of_order() {
    let model = Leases {
        edges: 3,
        underway: 2,
        lengths: SHORT,
        ..Leases::SMALL
    };
    let checker = model.checker().target_max_depth(13).spawn_bfs().join();
    report("three edges, two answers, 13 steps", &checker);
    checker.assert_no_discovery(SAFE);
    assert_eq!(
        checker.unique_state_count(),
        550_819,
        "the model is another one"
    );
}

#[test]
fn without_the_restart_rule_the_check_fails() {
    is_found_wrong(Flaw::NoRestartRule, USUAL);
}

#[test]
fn with_the_clock_read_after_the_answer_the_check_fails() {
    is_found_wrong(Flaw::ClockAfterAnswer, USUAL);
}

#[test]
fn without_a_margin_the_check_fails() {
    is_found_wrong(Flaw::NoMargin, USUAL);
}

#[test]
fn with_an_answer_that_lacks_what_was_committed_the_check_fails() {
    is_found_wrong(Flaw::OldContent, USUAL);
}

#[test]
fn with_a_time_that_another_clock_wrote_down_the_check_fails() {
    is_found_wrong(Flaw::OtherClock, USUAL);
}

#[test]
fn with_a_length_that_was_not_written_down_the_check_fails() {
    is_found_wrong(Flaw::LostLength, CHANGING);
}
