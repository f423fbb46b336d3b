//! The parties, the network and the clocks, as a checker can try them.
//!
//! Three things keep the states few without leaving out what can happen:
//!
//! - *Requests are not in the state.* An edge may have asked at any reading of its clock and with
//!   any version, so a registry may answer any such question, at any time and any number of
//!   times. That is every loss, delay, doubling and order of requests. An answer is on its way
//!   until it is lost; before that it may arrive at any time and any number of times. Answers
//!   whose lease is over are not kept: they bring what a snapshot brings.
//! - *Clocks are free except for what the margin promises.* Each party's clock goes on by itself,
//!   from a zero of its own, as fast or as slowly as it likes. The one rule is the assumption that
//!   [`margin`] stands for, here as [`ClockBound`]: while the registry's clock counts a lease from the
//!   moment of its grant, the edge's clock counts at least the lease less its margin. That two
//!   clocks keep it which differ by a tenth is arithmetic, and proved beside [`margin`].
//! - *Only differences of readings matter*, so states that are the same but for the zero of a
//!   clock are one state: see [`View`]. That makes the states finite without a limit of
//!   time, and the check one of all runs, however long.

use patrol::{
    revocation::lease::{Grantor, Holder, LeaseOutcome, lease_end, margin},
    time::Instant,
};
use stateright::{Model, Property};
use std::{
    collections::BTreeMap,
    hash::{Hash, Hasher},
};

/// The one list.
const LIST: u32 = 0;

/// What is checked: a size, and perhaps a mistake.
#[derive(Debug, Clone)]
pub(crate) struct Leases {
    /// How many edges there are.
    pub(crate) edges: usize,
    /// How many tokens are revoked, one after another.
    pub(crate) tokens: u8,
    /// How many answers may be on their way at once.
    pub(crate) underway: usize,
    /// The lengths that the setting has, in any order and at any time.
    pub(crate) lengths: &'static [u64],
    /// What is done wrong.
    pub(crate) flaw: Option<Flaw>,
}

impl Leases {
    /// The least that shows something.
    pub(crate) const SMALL: Self = Self {
        edges: 1,
        tokens: 1,
        underway: 1,
        lengths: &[4],
        flaw: None,
    };
}

/// Mistakes that the check must find.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flaw {
    /// A registry that restarts believes that no lease is out.
    NoRestartRule,
    /// An edge counts a lease from when the answer came.
    ClockAfterAnswer,
    /// An edge uses all of a lease.
    NoMargin,
    /// An answer may carry the list as it was before.
    OldContent,
    /// A revocation that is asked for again, after a restart, waits for the time that was
    /// written down, whoever's clock it was by.
    OtherClock,
    /// A registry goes on after its storage refused the longer length.
    LostLength,
}

/// Everything.
#[derive(Debug, Clone)]
pub(crate) struct State {
    registry: Registry,
    edges: Vec<Edge>,
    /// Did an edge lose a revocation?
    lost: bool,
}

#[derive(Debug, Clone)]
struct Registry {
    clock: Instant,
    grantor: Grantor,
    /// The longest lease, as it was written down.
    written: u64,
    /// What the grantor remembers of it: the length that it last gave to be written down, and
    /// when the last lease of each length is over.
    believed: u64,
    ends: BTreeMap<u64, Instant>,
    /// The revocations that are committed. The first makes version 1 of the list, and so on, so
    /// a version says which tokens are revoked in it.
    revocations: Vec<Revocation>,
}

/// One token's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Revocation {
    /// Committed; `recorded` was written down with it. The call waits until then, or was cut
    /// off, and nobody does.
    Committed {
        recorded: Instant,
        waits_until: Option<Instant>,
    },
    /// The call has returned.
    Answered,
}

#[derive(Debug, Clone)]
struct Edge {
    clock: Instant,
    holder: Holder,
    /// The revoked tokens that it knows of, a bit each.
    known: u8,
    /// Of the lease that it has.
    pact: ClockBound,
    underway: Vec<Answer>,
}

/// The registry's clock does not come to `due` before the edge's clock has come to `least`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct ClockBound {
    due: Instant,
    least: Instant,
}

impl ClockBound {
    /// About counting a lease of that length from now on.
    fn new(registry: Instant, edge: Instant, length: u64) -> Self {
        Self {
            due: registry.plus(length),
            least: lease_end(edge, length),
        }
    }

    /// How far both clocks are from it; None when it binds them no more.
    fn left(self, registry: Instant, edge: Instant) -> Option<(u64, u64)> {
        let left = (registry.until(self.due), edge.until(self.least));
        (left.0 > 0 && left.1 > 0).then_some(left)
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Answer {
    asked_at: Instant,
    since: Option<u64>,
    version: u64,
    length: u64,
    pact: ClockBound,
}

/// What can happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    RegistryTick,
    EdgeTick(usize),
    /// The registry answers what an edge asked when its clock was `ago` behind.
    Grant {
        edge: usize,
        ago: u64,
        since: Option<u64>,
        version: u64,
        length: u64,
    },
    Receive {
        edge: usize,
        answer: usize,
    },
    Lose {
        edge: usize,
        answer: usize,
    },
    /// KV shows an edge some version that there was. That it shows nothing is no event.
    Snapshot {
        edge: usize,
        version: u64,
    },
    /// An edge starts anew, or drops the list from its memory.
    Forget(usize),
    /// The next token is revoked, and the call waits.
    Revoke,
    RevokeAgain(usize),
    Answer(usize),
    Restart(Clock),
    /// The storage fails when a length is to be written down.
    FailToWrite {
        length: u64,
    },
}

/// The clock on which a registry restarts, by how it shows what was written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Clock {
    Same,
    /// All of it is long ago.
    Ahead,
    /// All of it is far off.
    Behind,
}

/// Room for earlier readings on each clock.
const START: Instant = Instant::from_millis(1_000);

/// Longer than all that the protocol counts.
const FAR: u64 = 100;

/// What it is all for.
pub(crate) const SAFE: &str = "a request after a revocation's call has returned is refused";

/// The tokens that are revoked in a version.
fn content(version: u64) -> u8 {
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
                // The reading stays and what was written down moves: only the difference counts.
                match clock {
                    Clock::Same => {}
                    Clock::Ahead => *recorded = Instant::default(),
                    Clock::Behind => *recorded = Instant::from_millis(u64::MAX),
                }
            }
        }
        let longest = match flaw {
            Some(Flaw::NoRestartRule) => 0,
            _ => self.written,
        };
        self.grantor = Grantor::restarted(self.clock, longest);
        self.believed = longest;
        self.ends = BTreeMap::from([(longest, self.clock.plus(longest))]);
    }

    /// Grants a lease, and says what is to be written down.
    fn grant(&mut self, length: u64) -> Option<u64> {
        let news = self.grantor.grant(LIST, self.clock, length);
        self.ends.insert(length, self.clock.plus(length));
        self.believed = news.unwrap_or(self.believed);
        news
    }

    /// The tokens whose revocation has been answered.
    fn answered(&self) -> u8 {
        (0..)
            .zip(&self.revocations)
            .filter(|(_, revocation)| **revocation == Revocation::Answered)
            .fold(0, |tokens, (token, _)| tokens | 1 << token)
    }

    /// As in the registry: until when the call waits.
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
            pact: ClockBound::new(START, START, 0),
            underway: Vec::new(),
        }
    }

    /// Readings for which the lease is still good.
    fn left(&self) -> u64 {
        (0..FAR)
            .find(|ahead| !self.holder.is_valid(self.clock.plus(*ahead), 0))
            .unwrap_or(FAR)
    }

    /// Takes what came, and says whether a revocation got lost.
    fn takes(&mut self, act: impl FnOnce(&mut Self)) -> bool {
        let before = self.known;
        act(self);
        before & !self.known != 0
    }

    fn receive(&mut self, answer: &Answer, flaw: Option<Flaw>) {
        let left = self.left();
        let asked_at = match flaw {
            Some(Flaw::ClockAfterAnswer) => self.clock,
            _ => answer.asked_at,
        };
        let length = match flaw {
            // The length of which the holder uses as much.
            Some(Flaw::NoMargin) => answer.length + margin(answer.length),
            _ => answer.length,
        };
        let effect = self
            .holder
            .receive(asked_at, answer.since, answer.version, length);
        if effect == LeaseOutcome::Apply {
            // Changes since a version, or all: the same, where what is known is known in order.
            let before = answer.since.map_or(0, content);
            self.known |= content(answer.version) & !before;
        }
        if self.left() > left {
            self.pact = answer.pact;
        }
    }

    /// The same message twice is one that arrives twice.
    fn send(&mut self, answer: Answer) {
        if !self.underway.contains(&answer) {
            self.underway.push(answer);
        }
    }

    /// Would the clocks run too far apart if the registry's showed that?
    fn forbids(&self, registry: Instant) -> bool {
        let held = (self.left() > 0).then_some(&self.pact);
        let underway = self.underway.iter().map(|answer| &answer.pact);
        held.into_iter()
            .chain(underway)
            .any(|pact| registry == pact.due && self.clock < pact.least)
    }

    fn learn(&mut self, version: u64) {
        self.holder.learn(version);
        self.known |= content(version);
    }
}

/// How long a lease still is, and its pact.
type LeaseView = (u64, Option<(u64, u64)>);

/// An edge, in differences.
type EdgeView = (
    Option<u64>,
    u8,
    LeaseView,
    Vec<(Option<u64>, u64, LeaseView)>,
);

impl Edge {
    fn view(&self, registry: Instant) -> EdgeView {
        let lease = |left, pact: ClockBound| {
            let pact = pact.left(registry, self.clock);
            (left, pact.filter(|_| left > 0))
        };
        let mut underway: Vec<_> = self
            .underway
            .iter()
            .map(|answer| {
                let lease = lease(answer.left(self.clock), answer.pact);
                (answer.since, answer.version, lease)
            })
            .collect();
        underway.sort_unstable();
        let version = self.holder.version();
        (version, self.known, lease(self.left(), self.pact), underway)
    }
}

impl State {
    /// May some answer have that effect?
    fn arrives_with(&self, effect: LeaseOutcome) -> bool {
        self.edges.iter().any(|edge| {
            edge.underway.iter().any(|answer| {
                let mut holder = edge.holder.clone();
                let Answer {
                    asked_at,
                    since,
                    version,
                    length,
                    ..
                } = *answer;
                holder.receive(asked_at, since, version, length) == effect
            })
        })
    }
}

impl Answer {
    fn left(&self, clock: Instant) -> u64 {
        clock.until(lease_end(self.asked_at, self.length))
    }
}

/// A state up to the zeros of the clocks and the names of the edges. Two states with one view
/// allow the same from here on: a view has, in differences to the clock in question, all that
/// decides what happens, and times that are over are all alike.
#[derive(PartialEq, Eq, Hash)]
struct View {
    /// Until when another list waits, on which nothing is granted, and until when this one does.
    clear_at: [u64; 2],
    written: u64,
    believed: u64,
    ends: Vec<(u64, u64)>,
    /// None: answered.
    revocations: Vec<Option<(u64, Option<u64>)>>,
    edges: Vec<EdgeView>,
    lost: bool,
}

impl State {
    fn view(&self) -> View {
        let Registry {
            clock,
            grantor,
            written,
            believed,
            ends,
            revocations,
        } = &self.registry;
        let left = |time| clock.until(time).min(FAR);
        let revocations = revocations.iter().map(|revocation| match *revocation {
            Revocation::Committed {
                recorded,
                waits_until,
            } => Some((left(recorded), waits_until.map(left))),
            Revocation::Answered => None,
        });
        let mut edges: Vec<_> = self.edges.iter().map(|edge| edge.view(*clock)).collect();
        edges.sort_unstable();
        View {
            clear_at: [LIST + 1, LIST].map(|list| left(grantor.clear_at(list))),
            written: *written,
            believed: *believed,
            ends: ends
                .iter()
                .map(|(length, end)| (*length, left(*end)))
                .filter(|(_, left)| *left > 0)
                .collect(),
            revocations: revocations.collect(),
            edges,
            lost: self.lost,
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
        underway: usize,
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
        for answer in 0..edge.underway.len() {
            let edge = number;
            actions.push(Action::Receive { edge, answer });
            actions.push(Action::Lose { edge, answer });
        }
        if underway >= self.underway {
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
                written: 0,
                believed: 0,
                ends: BTreeMap::new(),
                revocations: Vec::new(),
            },
            edges: vec![Edge::new(); self.edges],
            lost: false,
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
        let underway: usize = edges.iter().map(|edge| edge.underway.len()).sum();
        for (number, edge) in edges.iter().enumerate() {
            self.actions_of_edge(registry, number, edge, underway, actions);
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
                } if *until <= registry.clock => actions.push(Action::Answer(token)),
                _ => {}
            }
        }
        actions.push(Action::Restart(Clock::Same));
        let waits = |revocation: &Revocation| *revocation != Revocation::Answered;
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
            lost,
        } = &mut next;
        match action {
            Action::RegistryTick => registry.clock = registry.clock.plus(1),
            Action::EdgeTick(edge) => {
                let edge = &mut edges[edge];
                edge.clock = edge.clock.plus(1);
                let clock = edge.clock;
                edge.underway.retain(|answer| answer.left(clock) > 0);
            }
            Action::Grant {
                edge,
                ago,
                since,
                version,
                length,
            } => {
                registry.written = registry.grant(length).unwrap_or(registry.written);
                let edge = &mut edges[edge];
                edge.send(Answer {
                    asked_at: Instant::from_millis(edge.clock.millis() - ago),
                    // As the registry: everything, to those who know what it does not know.
                    since: since.filter(|since| *since <= version),
                    version,
                    length,
                    pact: ClockBound::new(registry.clock, edge.clock, length),
                });
            }
            Action::Receive { edge, answer } => {
                let answer = edges[edge].underway[answer].clone();
                *lost |= edges[edge].takes(|edge| edge.receive(&answer, self.flaw));
            }
            Action::Lose { edge, answer } => {
                edges[edge].underway.remove(answer);
            }
            Action::Snapshot { edge, version } => {
                *lost |= edges[edge].takes(|edge| edge.learn(version));
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
            Action::Answer(token) => registry.revocations[token] = Revocation::Answered,
            Action::Restart(clock) => {
                registry.restart(clock, self.flaw);
                // What the old clock counted is forgotten; the new one counts from here.
                for edge in edges {
                    let pact = ClockBound::new(registry.clock, edge.clock, registry.written);
                    edge.pact = pact;
                    for answer in std::mem::take(&mut edge.underway) {
                        edge.send(Answer { pact, ..answer });
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
                    .all(|edge| edge.left() == 0 || state.registry.answered() & !edge.known == 0)
            }),
            Property::always("an edge loses no revocation", |_, state: &State| {
                !state.lost
            }),
            Property::always(
                "an edge that names a version knows all that it revokes",
                |_, state: &State| {
                    state
                        .edges
                        .iter()
                        .all(|edge| content(edge.holder.version().unwrap_or(0)) & !edge.known == 0)
                },
            ),
            Property::always(
                "a revocation that is asked for now is answered within the longest lease",
                |_, State { registry, .. }| {
                    let latest = registry.clock.plus(registry.written);
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
                                Revocation::Answered => true,
                            })
                },
            ),
            Property::sometimes("a live token is accepted", |_, state: &State| {
                state
                    .edges
                    .iter()
                    .any(|edge| edge.left() > 0 && edge.known == 0)
            }),
            Property::sometimes(
                "a revoked token is accepted until its call returns",
                |_, state: &State| {
                    let committed = content(state.registry.version());
                    state
                        .edges
                        .iter()
                        .any(|edge| edge.left() > 0 && committed & !edge.known != 0)
                },
            ),
            Property::sometimes(
                "a call returns while an edge judges from memory",
                |_, state: &State| {
                    state.registry.answered() != 0 && state.edges.iter().any(|edge| edge.left() > 0)
                },
            ),
            Property::sometimes("an answer is refused", |_, state: &State| {
                state.arrives_with(LeaseOutcome::Refused)
            }),
            Property::sometimes(
                "an answer brings a lease and no news",
                |_, state: &State| state.arrives_with(LeaseOutcome::Known),
            ),
        ];
        if self.flaw.is_some() {
            properties.truncate(1);
        }
        properties
    }
}
