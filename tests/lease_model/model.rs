//! The model: edges, a registry, the network and the clocks.
//!
//! Three decisions keep the number of states small without losing behaviour:
//!
//! - *Requests are not part of the state.* An edge may have sent a request at any time of its clock
//!   and with any version, so the registry may respond to any such request, at any time and any
//!   number of times. That covers every loss, delay, duplication and order of requests. A response
//!   is in flight until it is lost; until then it may arrive at any time and any number of times.
//!   Responses whose lease has expired are dropped: they bring no more than a snapshot does.
//! - *Clocks are free within the margin.* Each clock has its own zero and runs at any speed. The
//!   one rule is the assumption behind [`margin`], here as [`ClockBound`]: while the registry's
//!   clock counts a lease from its grant, the edge's clock counts at least the lease less its
//!   margin. A test next to [`margin`] shows that clocks whose speeds differ by a tenth keep this
//!   rule.
//! - *Only differences of times matter.* States that differ only in the zero of a clock are one
//!   state: see [`View`]. So the number of states is finite without a time limit, and the check
//!   covers runs of any length.

use patrol::{
    revocation::lease::{Grantor, Holder, LeaseOutcome, lease_end, margin},
    time::Instant,
};
use stateright::{Model, Property};
use std::{
    collections::BTreeMap,
    hash::{Hash, Hasher},
};

/// The only list.
const LIST: u32 = 0;

/// A model to check: its size, and perhaps a flaw.
#[derive(Debug, Clone)]
pub(crate) struct Leases {
    pub(crate) edges: usize,
    /// The number of tokens, revoked one after another.
    pub(crate) tokens: u8,
    /// The most responses in flight.
    pub(crate) in_flight: usize,
    /// The values of the lease length setting, which changes at any time, in any order.
    pub(crate) lengths: &'static [u64],
    pub(crate) flaw: Option<Flaw>,
}

impl Leases {
    /// The smallest useful model.
    pub(crate) const SMALL: Self = Self {
        edges: 1,
        tokens: 1,
        in_flight: 1,
        lengths: &[4],
        flaw: None,
    };
}

/// Flaws that the check must find.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flaw {
    /// A restarted registry assumes that no lease is held.
    NoRestartRule,
    /// An edge counts a lease from the arrival of the response.
    ClockAfterResponse,
    /// An edge uses the whole lease.
    NoMargin,
    /// A response may carry an older list.
    OldContent,
    /// After a restart, a repeated revocation waits until the recorded time, although another clock
    /// recorded it.
    OtherClock,
    /// A registry continues after its storage failed to record a longer length.
    LostLength,
}

#[derive(Debug, Clone)]
pub(crate) struct State {
    registry: Registry,
    edges: Vec<Edge>,
    /// Whether an edge has forgotten a revocation.
    has_lost_revocation: bool,
}

#[derive(Debug, Clone)]
struct Registry {
    clock: Instant,
    grantor: Grantor,
    /// The longest lease, as recorded in storage.
    recorded_length: u64,
    /// The grantor's view of it: the length that it last returned for storage, and the end of the
    /// last lease of each length.
    requested_length: u64,
    ends: BTreeMap<u64, Instant>,
    /// The committed revocations. The first creates version 1 of the list, and so on, so a version
    /// determines which tokens are revoked.
    revocations: Vec<Revocation>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Revocation {
    Committed {
        /// Stored with the revocation.
        recorded: Instant,
        /// `None` if the call was cut off.
        waits_until: Option<Instant>,
    },
    /// The call has returned.
    Confirmed,
}

#[derive(Debug, Clone)]
struct Edge {
    clock: Instant,
    holder: Holder,
    /// The revoked tokens that it knows of, one bit each.
    known: u8,
    /// The bound of the lease that it holds.
    bound: ClockBound,
    in_flight: Vec<Response>,
}

/// The registry's clock does not reach `due` before the edge's clock reaches `least`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct ClockBound {
    due: Instant,
    least: Instant,
}

impl ClockBound {
    /// The bound while both count a lease of this length from now on.
    fn new(registry: Instant, edge: Instant, length: u64) -> Self {
        Self {
            due: registry.plus(length),
            least: lease_end(edge, length),
        }
    }

    /// How far both clocks are from it, or `None` if it no longer applies.
    fn left(self, registry: Instant, edge: Instant) -> Option<(u64, u64)> {
        let left = (registry.until(self.due), edge.until(self.least));
        (left.0 > 0 && left.1 > 0).then_some(left)
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Response {
    requested_at: Instant,
    since: Option<u64>,
    version: u64,
    length: u64,
    bound: ClockBound,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    RegistryTick,
    EdgeTick(usize),
    /// The registry responds to a request that the edge sent when its clock was `ago` behind.
    Grant {
        edge: usize,
        ago: u64,
        since: Option<u64>,
        version: u64,
        length: u64,
    },
    Receive {
        edge: usize,
        response: usize,
    },
    Lose {
        edge: usize,
        response: usize,
    },
    /// An edge reads any earlier version from KV. Reading nothing changes nothing.
    Snapshot {
        edge: usize,
        version: u64,
    },
    /// An edge restarts, or evicts the list.
    Forget(usize),
    /// Commits the revocation of the next token; the call waits.
    Revoke,
    RevokeAgain(usize),
    Confirm(usize),
    Restart(Clock),
    /// The storage fails to record a length.
    FailToWrite {
        length: u64,
    },
}

/// The clock of a restarted registry, compared with the one that recorded times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Clock {
    Same,
    /// Recorded times are long past.
    Ahead,
    /// Recorded times are far in the future.
    Behind,
}

/// Leaves room for earlier times on each clock.
const START: Instant = Instant::from_millis(1_000);

/// Longer than any time in the protocol.
const FAR: u64 = 100;

/// The promise.
pub(crate) const SAFE: &str = "a request after a confirmed revocation is denied";

/// The tokens that are revoked in a version, one bit each.
fn revoked_in(version: u64) -> u8 {
    (1 << version) - 1
}

impl Registry {
    fn version(&self) -> u64 {
        self.revocations.len() as u64
    }

    fn restart(&mut self, clock: Clock, flaw: Option<Flaw>) {
        for revocation in &mut self.revocations {
            if let Revocation::Committed {
                recorded,
                waits_until,
            } = revocation
            {
                *waits_until = None;
                // The clock stays and the recorded time moves: only the difference counts.
                match clock {
                    Clock::Same => {}
                    Clock::Ahead => *recorded = Instant::default(),
                    Clock::Behind => *recorded = Instant::from_millis(u64::MAX),
                }
            }
        }
        let longest = match flaw {
            Some(Flaw::NoRestartRule) => 0,
            _ => self.recorded_length,
        };
        self.grantor = Grantor::restarted(self.clock, longest);
        self.requested_length = longest;
        self.ends = BTreeMap::from([(longest, self.clock.plus(longest))]);
    }

    /// Grants a lease; returns the length to record, if it changes.
    fn grant(&mut self, length: u64) -> Option<u64> {
        let to_record = self.grantor.grant(LIST, self.clock, length);
        self.ends.insert(length, self.clock.plus(length));
        self.requested_length = to_record.unwrap_or(self.requested_length);
        to_record
    }

    /// The tokens whose revocation is confirmed, one bit each.
    fn confirmed(&self) -> u8 {
        (0..)
            .zip(&self.revocations)
            .filter(|(_, revocation)| **revocation == Revocation::Confirmed)
            .fold(0, |tokens, (token, _)| tokens | 1 << token)
    }

    /// Until when a repeated call waits, as in the registry.
    fn wait_again(&self, recorded: Instant, flaw: Option<Flaw>) -> Instant {
        match flaw {
            Some(Flaw::OtherClock) => recorded,
            _ => self.grantor.clear_since(LIST, recorded),
        }
    }
}

impl Edge {
    fn new() -> Self {
        Self {
            clock: START,
            holder: Holder::default(),
            known: 0,
            bound: ClockBound::new(START, START, 0),
            in_flight: Vec::new(),
        }
    }

    /// How long the lease is still valid.
    fn left(&self) -> u64 {
        (0..FAR)
            .find(|ahead| !self.holder.is_valid(self.clock.plus(*ahead), 0))
            .unwrap_or(FAR)
    }

    /// Runs `act`; returns whether the edge has forgotten a revocation.
    fn forgets_during(&mut self, act: impl FnOnce(&mut Self)) -> bool {
        let before = self.known;
        act(self);
        before & !self.known != 0
    }

    fn receive(&mut self, response: &Response, flaw: Option<Flaw>) {
        let left = self.left();
        let requested_at = match flaw {
            Some(Flaw::ClockAfterResponse) => self.clock,
            _ => response.requested_at,
        };
        let length = match flaw {
            // The holder uses this length less its margin.
            Some(Flaw::NoMargin) => response.length + margin(response.length),
            _ => response.length,
        };
        let outcome = self
            .holder
            .receive(requested_at, response.since, response.version, length);
        if outcome == LeaseOutcome::Apply {
            // Changes since a version, or the whole list: the edge knows tokens in order.
            let before = response.since.map_or(0, revoked_in);
            self.known |= revoked_in(response.version) & !before;
        }
        if self.left() > left {
            self.bound = response.bound;
        }
    }

    /// A duplicate is not added: a response may arrive any number of times.
    fn send(&mut self, response: Response) {
        if !self.in_flight.contains(&response) {
            self.in_flight.push(response);
        }
    }

    /// Whether the registry's clock may not show this time yet.
    fn forbids(&self, registry: Instant) -> bool {
        let held = (self.left() > 0).then_some(&self.bound);
        let in_flight = self.in_flight.iter().map(|response| &response.bound);
        held.into_iter()
            .chain(in_flight)
            .any(|bound| registry == bound.due && self.clock < bound.least)
    }

    fn learn(&mut self, version: u64) {
        self.holder.learn(version);
        self.known |= revoked_in(version);
    }
}

/// The remaining time of a lease, and its clock bound.
type LeaseView = (u64, Option<(u64, u64)>);

/// An edge, with differences of times only.
type EdgeView = (
    Option<u64>,
    u8,
    LeaseView,
    Vec<(Option<u64>, u64, LeaseView)>,
);

impl Edge {
    fn view(&self, registry: Instant) -> EdgeView {
        let lease = |left, bound: ClockBound| {
            let bound = bound.left(registry, self.clock);
            (left, bound.filter(|_| left > 0))
        };
        let mut in_flight: Vec<_> = self
            .in_flight
            .iter()
            .map(|response| {
                let lease = lease(response.left(self.clock), response.bound);
                (response.since, response.version, lease)
            })
            .collect();
        in_flight.sort_unstable();
        let version = self.holder.version();
        (
            version,
            self.known,
            lease(self.left(), self.bound),
            in_flight,
        )
    }
}

impl State {
    /// Whether some response in flight would have this outcome.
    fn may_receive(&self, outcome: LeaseOutcome) -> bool {
        self.edges.iter().any(|edge| {
            edge.in_flight.iter().any(|response| {
                let mut holder = edge.holder.clone();
                let Response {
                    requested_at,
                    since,
                    version,
                    length,
                    ..
                } = *response;
                holder.receive(requested_at, since, version, length) == outcome
            })
        })
    }
}

impl Response {
    fn left(&self, clock: Instant) -> u64 {
        clock.until(lease_end(self.requested_at, self.length))
    }
}

/// A state without the zeros of the clocks and the order of the edges. Two states with the same
/// view behave the same from then on: a view has everything that matters, as differences from the
/// clock in question, and does not distinguish past times.
#[derive(PartialEq, Eq, Hash)]
struct View {
    /// The remaining wait of another list, without grants, and of this one.
    clear_at: [u64; 2],
    recorded_length: u64,
    requested_length: u64,
    ends: Vec<(u64, u64)>,
    /// `None` if confirmed.
    revocations: Vec<Option<(u64, Option<u64>)>>,
    edges: Vec<EdgeView>,
    has_lost_revocation: bool,
}

impl State {
    fn view(&self) -> View {
        let Registry {
            clock,
            grantor,
            recorded_length,
            requested_length,
            ends,
            revocations,
        } = &self.registry;
        let left = |time| clock.until(time).min(FAR);
        let revocations = revocations.iter().map(|revocation| match *revocation {
            Revocation::Committed {
                recorded,
                waits_until,
            } => Some((left(recorded), waits_until.map(left))),
            Revocation::Confirmed => None,
        });
        let mut edges: Vec<_> = self.edges.iter().map(|edge| edge.view(*clock)).collect();
        edges.sort_unstable();
        View {
            clear_at: [LIST + 1, LIST].map(|list| left(grantor.clear_at(list))),
            recorded_length: *recorded_length,
            requested_length: *requested_length,
            ends: ends
                .iter()
                .map(|(length, end)| (*length, left(*end)))
                .filter(|(_, left)| *left > 0)
                .collect(),
            revocations: revocations.collect(),
            edges,
            has_lost_revocation: self.has_lost_revocation,
        }
    }
}

impl PartialEq for State {
    fn eq(&self, other: &Self) -> bool {
        self.view() == other.view()
    }
}

impl Hash for State {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        self.view().hash(hasher);
    }
}

impl Leases {
    fn actions_of_edge(
        &self,
        registry: &Registry,
        number: usize,
        edge: &Edge,
        in_flight: usize,
        actions: &mut Vec<Action>,
    ) {
        actions.push(Action::EdgeTick(number));
        actions.push(Action::Forget(number));
        let newest = registry.version();
        let versions = 0..=newest;
        actions.extend(versions.clone().map(|version| Action::Snapshot {
            edge: number,
            version,
        }));
        for response in 0..edge.in_flight.len() {
            let edge = number;
            actions.push(Action::Receive { edge, response });
            actions.push(Action::Lose { edge, response });
        }
        if in_flight >= self.in_flight {
            return;
        }
        for length in self.lengths.iter().copied() {
            let ages = 0..lease_end(Instant::default(), length).millis();
            for ago in ages {
                for since in versions.clone().map(Some).chain([None]) {
                    for version in versions.clone() {
                        if version == newest || self.flaw == Some(Flaw::OldContent) {
                            actions.push(Action::Grant {
                                edge: number,
                                ago,
                                since,
                                version,
                                length,
                            });
                        }
                    }
                }
            }
        }
    }
}

impl Model for Leases {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        vec![State {
            registry: Registry {
                clock: START,
                grantor: Grantor::restarted(START, 0),
                recorded_length: 0,
                requested_length: 0,
                ends: BTreeMap::new(),
                revocations: Vec::new(),
            },
            edges: vec![Edge::new(); self.edges],
            has_lost_revocation: false,
        }]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        let State {
            registry, edges, ..
        } = state;
        let next = registry.clock.plus(1);
        if !edges.iter().any(|edge| edge.forbids(next)) {
            actions.push(Action::RegistryTick);
        }
        let in_flight: usize = edges.iter().map(|edge| edge.in_flight.len()).sum();
        for (number, edge) in edges.iter().enumerate() {
            self.actions_of_edge(registry, number, edge, in_flight, actions);
        }
        if registry.version() < u64::from(self.tokens) {
            actions.push(Action::Revoke);
        }
        for (token, revocation) in registry.revocations.iter().enumerate() {
            match revocation {
                Revocation::Committed {
                    waits_until: None, ..
                } => actions.push(Action::RevokeAgain(token)),
                Revocation::Committed {
                    waits_until: Some(until),
                    ..
                } if *until <= registry.clock => actions.push(Action::Confirm(token)),
                _ => {}
            }
        }
        actions.push(Action::Restart(Clock::Same));
        let waits = |revocation: &Revocation| *revocation != Revocation::Confirmed;
        if registry.revocations.iter().any(waits) {
            actions.push(Action::Restart(Clock::Ahead));
            actions.push(Action::Restart(Clock::Behind));
        }
        if self.flaw == Some(Flaw::LostLength) {
            let lengths = self.lengths.iter();
            actions.extend(lengths.map(|length| Action::FailToWrite { length: *length }));
        }
    }

    fn next_state(&self, state: &State, action: Action) -> Option<State> {
        let mut next = state.clone();
        let State {
            registry,
            edges,
            has_lost_revocation,
        } = &mut next;
        match action {
            Action::RegistryTick => registry.clock = registry.clock.plus(1),
            Action::EdgeTick(edge) => {
                let edge = &mut edges[edge];
                edge.clock = edge.clock.plus(1);
                let clock = edge.clock;
                edge.in_flight.retain(|response| response.left(clock) > 0);
            }
            Action::Grant {
                edge,
                ago,
                since,
                version,
                length,
            } => {
                registry.recorded_length =
                    registry.grant(length).unwrap_or(registry.recorded_length);
                let edge = &mut edges[edge];
                edge.send(Response {
                    requested_at: Instant::from_millis(edge.clock.millis() - ago),
                    // As in the registry: an edge with a newer version gets the whole list.
                    since: since.filter(|since| *since <= version),
                    version,
                    length,
                    bound: ClockBound::new(registry.clock, edge.clock, length),
                });
            }
            Action::Receive { edge, response } => {
                let response = edges[edge].in_flight[response].clone();
                *has_lost_revocation |=
                    edges[edge].forgets_during(|edge| edge.receive(&response, self.flaw));
            }
            Action::Lose { edge, response } => {
                edges[edge].in_flight.remove(response);
            }
            Action::Snapshot { edge, version } => {
                *has_lost_revocation |= edges[edge].forgets_during(|edge| edge.learn(version));
            }
            Action::Forget(edge) => {
                edges[edge].holder = Holder::default();
                edges[edge].known = 0;
            }
            Action::Revoke => {
                let recorded = registry.grantor.clear_at(LIST).max(registry.clock);
                registry.revocations.push(Revocation::Committed {
                    recorded,
                    waits_until: Some(recorded),
                });
            }
            Action::RevokeAgain(token) => {
                if let Revocation::Committed { recorded, .. } = registry.revocations[token] {
                    registry.revocations[token] = Revocation::Committed {
                        recorded,
                        waits_until: Some(registry.wait_again(recorded, self.flaw)),
                    };
                }
            }
            Action::Confirm(token) => registry.revocations[token] = Revocation::Confirmed,
            Action::Restart(clock) => {
                registry.restart(clock, self.flaw);
                // The new clock counts from here.
                for edge in edges {
                    let bound =
                        ClockBound::new(registry.clock, edge.clock, registry.recorded_length);
                    edge.bound = bound;
                    for response in std::mem::take(&mut edge.in_flight) {
                        edge.send(Response { bound, ..response });
                    }
                }
            }
            Action::FailToWrite { length } => {
                registry.grant(length);
            }
        }
        Some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        let mut properties = vec![
            Property::always(SAFE, |_, state: &State| {
                state
                    .edges
                    .iter()
                    .all(|edge| edge.left() == 0 || state.registry.confirmed() & !edge.known == 0)
            }),
            Property::always("an edge loses no revocation", |_, state: &State| {
                !state.has_lost_revocation
            }),
            Property::always(
                "an edge with a version knows all tokens revoked in it",
                |_, state: &State| {
                    state.edges.iter().all(|edge| {
                        revoked_in(edge.holder.version().unwrap_or(0)) & !edge.known == 0
                    })
                },
            ),
            Property::always(
                "a revocation is confirmed within the longest lease",
                |_, State { registry, .. }| {
                    let latest = registry.clock.plus(registry.recorded_length);
                    registry.grantor.clear_at(LIST) <= latest
                        && registry
                            .revocations
                            .iter()
                            .all(|revocation| match revocation {
                                Revocation::Committed {
                                    recorded,
                                    waits_until,
                                } => {
                                    registry.wait_again(*recorded, None) <= latest
                                        && waits_until.is_none_or(|until| until <= latest)
                                }
                                Revocation::Confirmed => true,
                            })
                },
            ),
            Property::sometimes("a valid token is accepted", |_, state: &State| {
                state
                    .edges
                    .iter()
                    .any(|edge| edge.left() > 0 && edge.known == 0)
            }),
            Property::sometimes(
                "a revoked token is accepted until its revocation is confirmed",
                |_, state: &State| {
                    let committed = revoked_in(state.registry.version());
                    state
                        .edges
                        .iter()
                        .any(|edge| edge.left() > 0 && committed & !edge.known != 0)
                },
            ),
            Property::sometimes(
                "a revocation is confirmed while an edge holds a lease",
                |_, state: &State| {
                    state.registry.confirmed() != 0
                        && state.edges.iter().any(|edge| edge.left() > 0)
                },
            ),
            Property::sometimes("a response is refused", |_, state: &State| {
                state.may_receive(LeaseOutcome::Rejected)
            }),
            Property::sometimes(
                "a response brings a lease and no changes",
                |_, state: &State| state.may_receive(LeaseOutcome::Older),
            ),
        ];
        if self.flaw.is_some() {
            properties.truncate(1);
        }
        properties
    }
}
