//! The scenarios: what breaks, how often, and what must still hold.

use crate::check::Findings;
use crate::{Size, load::Load, report::Report};
use clap::ValueEnum;
use patrol_support::{
    cluster::{Cluster, ClusterConfig},
    kv::KvFault,
    link::LinkFault,
};
use std::{
    ops::Range,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::task::JoinHandle;

/// What happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Scenario {
    /// Nothing breaks.
    Calm,
    /// The origin's process dies by SIGKILL, again and again.
    Kill,
    /// Nothing passes between the edges and the origin, or all connections are reset.
    Cut,
    /// KV fails, is silent, empty or old, while edges start anew and need it.
    Kv,
    /// Edges that live on snapshots, with a KV that is as late as it may be, and later.
    KvMode,
    /// As `cut`, with edges that are allowed to go on with what they knew: must be seen.
    Grace,
}

/// What the findings must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Expected {
    /// No violation.
    Promise,
    /// Dead tokens that pass, and nothing worse.
    DeadAccepted,
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
            Self::Kill => "the origin's process is killed and started again",
            Self::Cut => "the edges are cut off from the origin",
            Self::Kv => "KV fails or is old, and edges start anew",
            Self::KvMode => "edges live on snapshots of at most 10 s, KV is late",
            Self::Grace => "cut off, and allowed to go on for 5 s: the proof must see it",
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

    /// Is there trouble all the time, so that edges may be unable to know?
    fn is_trouble(self) -> bool {
        !matches!(self, Self::Calm | Self::KvMode)
    }

    fn expected(self) -> Expected {
        match self {
            Self::Grace => Expected::DeadAccepted,
            _ => Expected::Promise,
        }
    }

    pub(crate) async fn run(self, size: &Size) -> Report {
        let stand = Cluster::start(&ClusterConfig {
            name: self.name(),
            processes: size.processes,
            isolates: size.isolates,
            build: &size.built,
            settings: self.settings(),
        })
        .await;
        let edges = stand.edge_urls();
        let isolates = edges.len();
        let load = Arc::new(Load::new(edges, stand.management_url()));
        if self.is_trouble() {
            load.troubled_for(Duration::MAX);
        }
        let gate = format!("http://{}/calls", stand.registry_link.address());
        let mut users = Vec::new();
        for name in USERS {
            users.push((name, Arc::new(load.user(name).await)));
        }

        let mut asking = Vec::new();
        for client in 0..isolates * size.clients {
            let load = load.clone();
            let edge = client % isolates;
            asking.push(tokio::spawn(async move { load.ask_on(edge).await }));
        }
        if !self.is_trouble() {
            let load = load.clone();
            asking.push(tokio::spawn(
                async move { load.watch_the_machine(gate).await },
            ));
        }
        let pace = pace(size.time);
        let mut churning = Vec::new();
        for (name, user) in &users {
            for (lane, &at_once) in LANES.iter().enumerate() {
                let (load, user) = (load.clone(), user.clone());
                let lane = format!("{name} {lane}");
                churning.push(tokio::spawn(async move {
                    load.churn(&user, &lane, at_once, pace).await;
                }));
            }
        }
        let began = Instant::now();
        let breaking = Breaking::start(self, stand, load.clone(), size.time);
        while began.elapsed() < size.time || load.tokens.dead() < size.revocations {
            assert!(
                began.elapsed() < size.time * 10 + Duration::from_mins(1),
                "too few revocations: {}",
                load.tokens.dead()
            );
            tokio::time::sleep(LOOK).await;
        }
        load.stop_creating();
        join(churning).await;
        let stand = breaking.stop().await;
        if self == Self::KvMode {
            // KV stands still: no edge may go on for longer than its snapshot's age.
            stand.kv.set_fault(KvFault::Delayed(Duration::from_mins(5)));
            load.blind_after(SNAPSHOT_AGE + TICK);
        }
        let time = began.elapsed();
        let calls = stand.registry_calls().await;
        for (name, user) in &users {
            load.end_all(user, &format!("{name} all")).await;
        }
        while load.clock.now() <= load.tokens.all_dead_at() {
            tokio::time::sleep(LOOK).await;
        }
        // The last ones to die are tried for a moment too.
        tokio::time::sleep(AFTERMATH).await;
        load.stop_asking();
        join(asking).await;

        let record = load.record();
        let lives = load.tokens.lives();
        Report {
            title: self.title(),
            name: self.name(),
            expected: self.expected(),
            is_trouble: self.is_trouble(),
            processes: size.processes,
            isolates,
            lists: users.len(),
            time,
            revocations: load.tokens.dead(),
            findings: Findings::of(&lives, &record.requests, &record.conditions),
            calls: (self == Self::Calm).then_some(calls),
            kv: stand.kv.counts(),
            record,
        }
    }
}

/// They live in different registries, so each has a list of its own.
const USERS: [&str; 3] = ["ada", "vic", "otto"];

/// How many tokens each lane of a user makes and ends at once. All of a user fit below the
/// limit of active tokens.
const LANES: [usize; 7] = [1, 1, 1, 1, 1, 4, 12];

/// How many tokens a user makes in the time of a scenario, about: below what may be created
/// ([`CREATIONS`]), and their calls below what may revoke.
const TOKENS: usize = 900;

/// What a user may create here, at once.
const CREATIONS: (&str, &str) = ("CREATION_BURST", "100000");

/// How long a round of the lanes takes at least.
fn pace(time: Duration) -> Duration {
    let round: usize = LANES.iter().sum();
    time * u32::try_from(round).unwrap_or(u32::MAX) / u32::try_from(TOKENS).unwrap_or(1)
}

/// How often is looked whether there is enough.
const LOOK: Duration = Duration::from_millis(20);

const AFTERMATH: Duration = Duration::from_secs(1);

/// What `kv-mode` sets.
const SNAPSHOT_AGE: Duration = Duration::from_secs(10);

/// Signed lists are dated by whole seconds.
const TICK: Duration = Duration::from_secs(1);

/// As late as KV may be without one live token being refused: the rest of a snapshot's age goes
/// to the two seconds between two writes of a key, to whole seconds, and to reading.
const LATE: Duration = Duration::from_secs(6);

/// Later than that: some snapshots are too old when they are seen.
const TOO_LATE: Duration = Duration::from_secs(9);

const TOO_LATE_TIME: Duration = Duration::from_secs(4);

async fn join(tasks: Vec<JoinHandle<()>>) {
    for task in tasks {
        task.await.expect("a client does not fail");
    }
}

/// What breaks the stand while the clients run.
struct Breaking {
    task: JoinHandle<Cluster>,
    stop: Arc<AtomicBool>,
}

impl Breaking {
    fn start(scenario: Scenario, mut stand: Cluster, load: Arc<Load>, time: Duration) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let task = tokio::spawn(async move {
            let mut round = 0;
            while !stopped.load(Ordering::SeqCst) {
                round += 1;
                once(scenario, &mut stand, &load, round, time).await;
            }
            stand
        });
        Self { task, stop }
    }

    /// Gives the stand back, whole.
    async fn stop(self) -> Cluster {
        self.stop.store(true, Ordering::SeqCst);
        self.task.await.expect("the stand stays whole")
    }
}

/// One spell of trouble, and the time until the next; the stand is whole in the end.
async fn once(scenario: Scenario, stand: &mut Cluster, load: &Load, round: usize, time: Duration) {
    match scenario {
        Scenario::Calm => spell(50..51).await,
        Scenario::Kill => {
            spell(500..2_500).await;
            stand.kill_origin();
            // Half of the time it is back before the leases of before are over.
            if round.is_multiple_of(2) {
                spell(500..2_000).await;
            }
            stand.start_origin().await;
        }
        Scenario::Cut | Scenario::Grace => {
            spell(500..2_000).await;
            // Leases that are granted and heard of late are the trickiest.
            let deaf = round.is_multiple_of(3) && scenario == Scenario::Cut;
            let weather = if deaf {
                LinkFault::OneWay
            } else {
                LinkFault::Partitioned
            };
            stand.set_fault(weather);
            spell(if deaf { 500..2_000 } else { 1_500..3_500 }).await;
            if round.is_multiple_of(2) {
                // What was on its way is lost; otherwise it arrives now, very late.
                stand.set_fault(LinkFault::Reset);
                spell(100..500).await;
            }
            stand.set_fault(LinkFault::None);
        }
        Scenario::Kv => {
            let moods = [
                KvFault::Oldest,
                KvFault::Failing,
                KvFault::Hanging,
                KvFault::Delayed(Duration::from_mins(1)),
                KvFault::Truncated,
                KvFault::Missing,
            ];
            if let Some(mood) = moods.get(round % moods.len()) {
                stand.kv.set_fault(*mood);
            }
            let process = round % stand.process_count();
            stand.kill_edges(process);
            stand.start_edges(process).await;
            spell(1_000..1_500).await;
        }
        Scenario::KvMode => {
            // Until the first snapshots of this lateness are seen, there are none, or older ones.
            stand.kv.set_fault(KvFault::Delayed(LATE));
            load.troubled_for(LATE + 3 * TICK);
            tokio::time::sleep(LATE + 3 * TICK + time / 2).await;
            load.troubled_for(TOO_LATE_TIME + TICK);
            stand.kv.set_fault(KvFault::Delayed(TOO_LATE));
            tokio::time::sleep(TOO_LATE_TIME).await;
        }
    }
}

async fn spell(millis: Range<u64>) {
    tokio::time::sleep(Duration::from_millis(rand::random_range(millis))).await;
}
