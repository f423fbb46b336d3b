//! The scenarios: what breaks, how often, and what must still hold.

use crate::check::{Expected, Findings};
use crate::connection::Kind;
use crate::load::{Lane, Load, Owner, micros};
use crate::report::Report;
use crate::stream_check::StreamFindings;
use crate::streams::Streams;
use crate::upstream::Upstream;
use clap::ValueEnum;
use patrol_support::{
    cluster::{Cluster, ClusterConfig},
    kv::KvFault,
    link::LinkFault,
};
use std::{
    ops::Range,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::task::JoinHandle;

/// The size of the system and of the load.
#[derive(Debug, Clone)]
pub(crate) struct Size {
    /// The folder of the built Workers.
    pub(crate) built: PathBuf,
    /// The least duration of a scenario.
    pub(crate) duration: Duration,
    /// The least number of revocations in a scenario.
    pub(crate) revocations: usize,
    /// Clients of each edge.
    pub(crate) clients: usize,
    /// Processes that run edges.
    pub(crate) processes: usize,
    /// Edges in each process.
    pub(crate) isolates: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Scenario {
    /// Nothing breaks.
    Calm,
    /// The origin's process is killed again and again.
    Kill,
    /// The edges are cut off from the origin, or their connections are reset.
    Cut,
    /// KV fails, hangs, is empty or stale, while edges restart and need it.
    Kv,
    /// Edges in `kv` mode, with a KV that is as late as allowed, and later.
    KvMode,
    /// As `cut`, but with stale grace: the proof must find violations.
    Grace,
}

impl Scenario {
    pub(crate) const ALL: [Self; 6] = [
        Self::Calm,
        Self::Kill,
        Self::Cut,
        Self::Kv,
        Self::KvMode,
        Self::Grace,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Calm => "calm",
            Self::Kill => "kill",
            Self::Cut => "cut",
            Self::Kv => "kv",
            Self::KvMode => "kv-mode",
            Self::Grace => "grace",
        }
    }

    fn title(self) -> &'static str {
        match self {
            Self::Calm => "nothing breaks",
            Self::Kill => "the origin's process is killed and restarted",
            Self::Cut => "the edges are cut off from the origin",
            Self::Kv => "KV fails or is stale, and edges restart",
            Self::KvMode => "edges use snapshots of at most 10 s, and KV is late",
            Self::Grace => {
                "the edges are cut off with a stale grace of 5 s: the proof must find violations"
            }
        }
    }

    fn settings(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::KvMode => &[
                ("REVOCATION_MODE", "kv"),
                ("KV_MAX_AGE_SECONDS", "10"),
                CREATIONS,
            ],
            Self::Grace => &[("STALE_GRACE_SECONDS", "5"), CREATIONS],
            _ => &[CREATIONS],
        }
    }

    /// The longest time that a connection may take to end after the revocation of its token: a lease,
    /// the edge's patience, and as much again for a busy machine.
    fn bound(self) -> Duration {
        match self {
            Self::Grace => END_BOUND + STALE_GRACE,
            _ => END_BOUND,
        }
    }

    /// Whether something is broken all the time.
    fn is_disturbed(self) -> bool {
        !matches!(self, Self::Calm | Self::KvMode)
    }

    fn expected(self) -> Expected {
        match self {
            Self::Grace => Expected::RevokedAccepted,
            _ => Expected::Promise,
        }
    }

    pub(crate) async fn run(self, size: &Size) -> Report {
        let upstream = Upstream::start().await;
        let address = upstream.url();
        let cluster = Cluster::start(&ClusterConfig {
            name: self.name(),
            processes: size.processes,
            isolates: size.isolates,
            build: &size.built,
            settings: &[self.settings(), &[("UPSTREAM_URL", &address)]].concat(),
            entry: None,
        })
        .await;
        let edges = cluster.edge_urls();
        let isolates = edges.len();
        let streams = Streams::new(upstream, edges.clone(), self.bound());
        let load = Arc::new(Load::new(edges, cluster.management_url(), streams));
        if self.is_disturbed() {
            load.disturbed_for(Duration::MAX);
        }
        let gate = format!("http://{}/calls", cluster.registry_link.address());
        let mut users = Vec::new();
        for (name, kinds) in USERS {
            users.push((name, Arc::new(load.sign_in(name, kinds).await)));
        }

        let mut requesting = Vec::new();
        for client in 0..isolates * size.clients {
            let load = load.clone();
            let edge = client % isolates;
            requesting.push(tokio::spawn(async move { load.send_requests(edge).await }));
        }
        if !self.is_disturbed() {
            let load = load.clone();
            requesting.push(tokio::spawn(async move { load.watch_machine(gate).await }));
        }
        let mut kept = Vec::new();
        for (name, user) in &users {
            kept.push(load.open_streams(user, &format!("{name} kept")).await);
        }
        let creating = start_lanes(&load, &users, pace(size.duration));
        let started = Instant::now();
        let faults = Faults::start(self, cluster, load.clone(), size.duration);
        while started.elapsed() < size.duration || load.tokens.confirmed() < size.revocations {
            assert!(
                started.elapsed() < size.duration * 10 + Duration::from_mins(1),
                "too few revocations: {}",
                load.tokens.confirmed()
            );
            tokio::time::sleep(POLL_INTERVAL).await;
        }
        load.stop_creating();
        join(creating).await;
        let cluster = faults.stop().await;
        if self == Self::KvMode {
            cluster.kv.set_fault(KvFault::Delayed(LATE));
        }
        let kept_flow = load.streams.count_flowing().await;
        if self == Self::KvMode {
            // KV stops: no edge may accept tokens for longer than the age of its snapshot.
            cluster
                .kv
                .set_fault(KvFault::Delayed(Duration::from_mins(5)));
            load.uninformed_after(SNAPSHOT_AGE + TICK);
        }
        let duration = started.elapsed();
        let calls = cluster.registry_calls().await;
        for ((name, user), kept) in users.iter().zip(kept) {
            load.revoke_all(user, &format!("{name} all"), kept).await;
        }
        while load.clock.now() <= load.tokens.all_effective_at() {
            tokio::time::sleep(POLL_INTERVAL).await;
        }
        // Requests with the tokens that were revoked last.
        tokio::time::sleep(FINAL_REQUESTS).await;
        load.stop_requests();
        join(requesting).await;
        let streams = load.streams.finish().await;

        let record = load.record();
        let revocations = load.tokens.revocations();
        let bound = micros(self.bound());
        Report {
            title: self.title(),
            name: self.name(),
            expected: self.expected(),
            is_disturbed: self.is_disturbed(),
            processes: size.processes,
            isolates,
            lists: users.len(),
            duration,
            revocations: load.tokens.confirmed(),
            findings: Findings::of(&revocations, &record.requests, &record.conditions),
            streams: StreamFindings::of(&revocations, &streams, &record.conditions, bound),
            kept: kept_flow,
            calls: (self == Self::Calm).then_some(calls),
            kv: cluster.kv.counts(),
            record,
        }
    }
}

/// Each user lives in a different registry, and so has a separate list. The role says which
/// connections the user may open.
const USERS: [(&str, &[Kind]); 3] = [
    ("ada", &Kind::ALL),
    ("vic", &[Kind::Events, Kind::Download]),
    ("otto", &[Kind::Socket, Kind::Events, Kind::Download]),
];

/// Each user has a task per entry, which creates and revokes this many tokens at a time, and opens
/// connections with them or not. Together they stay below the limit of active tokens.
const LANES: [(usize, bool); 7] = [
    (1, true),
    (1, true),
    (1, false),
    (1, false),
    (1, false),
    (4, true),
    (12, false),
];

/// About how many tokens a user creates in a scenario: fewer than [`CREATIONS`] allows, and few
/// enough for the limit of revocations.
const TOKENS: usize = 900;

/// Raises the limit of tokens that a user may create at once.
const CREATIONS: (&str, &str) = ("CREATION_BURST", "100000");

/// The least time for a batch.
fn pace(duration: Duration) -> Duration {
    let batch: usize = LANES.iter().map(|(batch_size, _)| batch_size).sum();
    duration * u32::try_from(batch).unwrap_or(u32::MAX) / u32::try_from(TOKENS).unwrap_or(1)
}

/// Starts the tasks of all users.
fn start_lanes(
    load: &Arc<Load>,
    users: &[(&str, Arc<Owner>)],
    pace: Duration,
) -> Vec<JoinHandle<()>> {
    let mut tasks = Vec::new();
    for (name, user) in users {
        for (number, (batch_size, has_streams)) in LANES.into_iter().enumerate() {
            let (load, user) = (load.clone(), user.clone());
            let name = format!("{name} {number}");
            let lane = Lane {
                batch_size,
                has_streams,
                pace,
            };
            tasks.push(tokio::spawn(async move {
                load.create_and_revoke(&user, &name, lane).await;
            }));
        }
    }
    tasks
}

const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// See [`Scenario::bound`].
const END_BOUND: Duration = Duration::from_secs(10);

/// `STALE_GRACE_SECONDS` of the scenario `grace`.
const STALE_GRACE: Duration = Duration::from_secs(5);

const FINAL_REQUESTS: Duration = Duration::from_secs(1);

/// `KV_MAX_AGE_SECONDS` of the scenario `kv-mode`.
const SNAPSHOT_AGE: Duration = Duration::from_secs(10);

/// Signed lists have times in whole seconds.
const TICK: Duration = Duration::from_secs(1);

/// As late as KV may be before an edge denies valid tokens. The rest of a snapshot's age goes to the
/// two seconds between two writes of a key, to rounding, and to reading.
const LATE: Duration = Duration::from_secs(6);

/// Too late: some snapshots are too old when an edge reads them.
const TOO_LATE: Duration = Duration::from_secs(9);

const TOO_LATE_TIME: Duration = Duration::from_secs(4);

async fn join(tasks: Vec<JoinHandle<()>>) {
    for task in tasks {
        task.await.expect("a client does not fail");
    }
}

/// Breaks the cluster while the clients run.
struct Faults {
    task: JoinHandle<Cluster>,
    stop: Arc<AtomicBool>,
}

impl Faults {
    fn start(
        scenario: Scenario,
        mut cluster: Cluster,
        load: Arc<Load>,
        duration: Duration,
    ) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let task = tokio::spawn(async move {
            let mut round = 0;
            while !stopped.load(Ordering::SeqCst) {
                round += 1;
                inject(scenario, &mut cluster, &load, round, duration).await;
            }
            cluster
        });
        Self { task, stop }
    }

    /// Returns the cluster, repaired.
    async fn stop(self) -> Cluster {
        self.stop.store(true, Ordering::SeqCst);
        self.task.await.expect("the faults task does not fail")
    }
}

/// Breaks the cluster for a while and repairs it.
async fn inject(
    scenario: Scenario,
    cluster: &mut Cluster,
    load: &Load,
    round: usize,
    duration: Duration,
) {
    match scenario {
        Scenario::Calm => pause(50..51).await,
        Scenario::Kill => {
            pause(500..2_500).await;
            load.cut_off_for(Duration::MAX);
            cluster.kill_origin();
            // Half of the time it is back before the old leases expire.
            if round.is_multiple_of(2) {
                pause(500..2_000).await;
            }
            cluster.start_origin().await;
            load.reconnected();
        }
        Scenario::Cut | Scenario::Grace => {
            pause(500..2_000).await;
            // The trickiest case: a lease is granted, and the response arrives late.
            let one_way = round.is_multiple_of(3) && scenario == Scenario::Cut;
            let fault = if one_way {
                LinkFault::OneWay
            } else {
                LinkFault::Partitioned
            };
            load.cut_off_for(Duration::MAX);
            cluster.set_fault(fault);
            pause(if one_way { 500..2_000 } else { 1_500..3_500 }).await;
            if round.is_multiple_of(2) {
                // Messages in transit are lost; otherwise they arrive now, very late.
                cluster.set_fault(LinkFault::Reset);
                pause(100..500).await;
            }
            cluster.set_fault(LinkFault::None);
            load.reconnected();
        }
        Scenario::Kv => {
            let faults = [
                KvFault::Oldest,
                KvFault::Failing,
                KvFault::Hanging,
                KvFault::Delayed(Duration::from_mins(1)),
                KvFault::Truncated,
                KvFault::Missing,
            ];
            if let Some(fault) = faults.get(round % faults.len()) {
                cluster.kv.set_fault(*fault);
            }
            let process = round % cluster.process_count();
            let isolates = cluster.edge_urls().len() / cluster.process_count();
            let edges = process * isolates..(process + 1) * isolates;
            let killed = load.clock.now();
            cluster.kill_edges(process);
            cluster.start_edges(process).await;
            load.edges_restarted(edges, killed);
            pause(1_000..1_500).await;
        }
        Scenario::KvMode => {
            // At first edges see no snapshots, or older ones.
            cluster.kv.set_fault(KvFault::Delayed(LATE));
            load.disturbed_for(LATE + 3 * TICK);
            load.cut_off_for(LATE + 3 * TICK);
            tokio::time::sleep(LATE + 3 * TICK + duration / 2).await;
            load.disturbed_for(TOO_LATE_TIME + TICK);
            load.cut_off_for(TOO_LATE_TIME + TICK);
            cluster.kv.set_fault(KvFault::Delayed(TOO_LATE));
            tokio::time::sleep(TOO_LATE_TIME).await;
        }
    }
}

async fn pause(millis: Range<u64>) {
    tokio::time::sleep(Duration::from_millis(rand::random_range(millis))).await;
}
