//! The workloads and the contestants, and which contestant runs which workload. No I/O.

use clap::ValueEnum;
use serde::Serialize;

/// The kinds of requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Workload {
    /// One token.
    Hot,
    /// A thousand tokens of one list.
    Warm,
    /// A new token for every request.
    Cold,
    /// Tokens drawn by Zipf's law from 100,000, in a new isolate every 20,000 requests.
    Mix,
    /// Garbage, expired, revoked and insufficient scope in equal parts.
    Denied,
    /// A thousand tokens of 64 lists.
    Lists,
    /// As warm, forwarded to a trivial upstream.
    Proxied,
    /// As proxied, with a response whose length is unknown.
    Chunked,
}

/// The requests that an isolate of `mix` serves; also the tokens that a turn of it uses.
pub(crate) const ISOLATE_LIFETIME: u32 = 20_000;

/// The tokens set aside for a turn of `cold`: more than any contestant verifies in a second.
pub(crate) const COLD_TOKENS_PER_TURN: u32 = 20_000;

impl Workload {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Hot => "hot",
            Self::Warm => "warm",
            Self::Cold => "cold",
            Self::Mix => "mix",
            Self::Denied => "denied",
            Self::Lists => "lists",
            Self::Proxied => "proxied",
            Self::Chunked => "chunked",
        }
    }

    /// The workload whose tokens warm up a process. Those of `cold` must stay new.
    pub(crate) fn warm_up(self) -> Self {
        match self {
            Self::Cold => Self::Warm,
            Self::Mix => Self::Hot,
            other => other,
        }
    }

    /// The workload whose token file this one uses.
    pub(crate) fn tokens(self) -> Self {
        match self {
            Self::Proxied | Self::Chunked => Self::Warm,
            other => other,
        }
    }

    /// Tokens that a turn uses and later turns of the round must skip.
    pub(crate) fn tokens_used_per_turn(self) -> u32 {
        match self {
            Self::Cold => COLD_TOKENS_PER_TURN,
            Self::Mix => ISOLATE_LIFETIME,
            _ => 0,
        }
    }

    /// Requests after which a turn ends; by default it ends after a second.
    pub(crate) fn requests_per_turn(self) -> Option<u32> {
        (self == Self::Mix).then_some(ISOLATE_LIFETIME)
    }

    /// Whether each turn starts a new process, and so a new isolate.
    pub(crate) fn restarts_each_turn(self) -> bool {
        self == Self::Mix
    }

    /// Whether the requests are forwarded.
    pub(crate) fn is_proxied(self) -> bool {
        matches!(self, Self::Proxied | Self::Chunked)
    }

    /// The path that is requested.
    pub(crate) fn path(self) -> &'static str {
        if self.is_proxied() {
            "/api/v1/engine/pipelines"
        } else {
            "/.patrol/authorize"
        }
    }
}

/// How a token is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TokenFormat {
    /// Patrol's.
    EdDsa,
    /// With a shared secret.
    Hs256,
}

impl TokenFormat {
    pub(crate) const ALL: [Self; 2] = [Self::EdDsa, Self::Hs256];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::EdDsa => "eddsa",
            Self::Hs256 => "hs256",
        }
    }
}

/// The Workers that are measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Contestant {
    /// JavaScript that responds at once: the upper limit.
    Bare,
    /// JavaScript that reads and sends what the edge does, but decides nothing.
    Floor,
    /// Rust that responds at once: the cost of the framework.
    Hello,
    /// JavaScript with `jose`: signature and scopes, no revocation.
    Jose,
    /// The same with a KV lookup for revocation.
    JoseKv,
    /// The JWT middleware of `hono` with a shared secret, no revocation.
    Hono,
    /// All checks.
    Patrol,
}

impl Contestant {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Bare => "bare",
            Self::Floor => "floor",
            Self::Hello => "hello",
            Self::Jose => "jose",
            Self::JoseKv => "jose+kv",
            Self::Hono => "hono",
            Self::Patrol => "patrol",
        }
    }

    pub(crate) fn takes_part_in(self, workload: Workload) -> bool {
        match workload {
            // Only these forward requests.
            Workload::Proxied | Workload::Chunked => {
                matches!(self, Self::Bare | Self::Floor | Self::Patrol)
            }
            // Only these verify a signature with a public key.
            Workload::Mix => matches!(self, Self::Jose | Self::JoseKv | Self::Patrol),
            _ => true,
        }
    }

    /// The tokens that it accepts.
    pub(crate) fn token_format(self) -> TokenFormat {
        match self {
            Self::Hono => TokenFormat::Hs256,
            _ => TokenFormat::EdDsa,
        }
    }

    /// The share of requests that it must deny. A contestant that accepts more is not measured.
    pub(crate) fn share_denied(self, workload: Workload) -> f64 {
        match (workload, self) {
            (Workload::Denied, Self::Jose | Self::Hono) => 0.75,
            (Workload::Denied, Self::Floor | Self::JoseKv | Self::Patrol) => 1.0,
            _ => 0.0,
        }
    }
}
