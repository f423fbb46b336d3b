//! The tokens of each workload, made natively: thousands need no round trip.
//!
//! Every one is as the origin would have issued it, for a list that exists and a place in it.
//! Peers with a shared secret get tokens of their own with the same claims.

use crate::system::System;
use anyhow::{Context as _, Result};
use clap::ValueEnum;
use jwt_compact::{
    AlgorithmExt as _, Header,
    alg::{Hs256, Hs256Key},
};
use patrol::{
    ids::{TokenId, UserId},
    jose::{
        signing::SigningKeys,
        status_list::{LIST_SIZE, StatusListId, StatusReference},
    },
    placement::of_user,
    time::{DAY, Timestamp},
    token::claims::{Claims, StatusClaim, StatusListClaim, issue},
};
use serde::Serialize;
use std::{fmt::Write as _, fs, path::PathBuf, thread};

/// What kind of requests come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Workload {
    /// One token.
    Hot,
    /// A thousand tokens of one list.
    Warm,
    /// A token that was never seen, every time.
    Cold,
    /// Garbage, expired, revoked and wrong scope in equal parts.
    Denied,
    /// A thousand tokens of 64 lists.
    KnownLists,
    /// As warm, passed on to a trivial upstream.
    Proxied,
}

impl Workload {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Hot => "hot",
            Self::Warm => "warm",
            Self::Cold => "cold",
            Self::Denied => "denied",
            Self::KnownLists => "lists",
            Self::Proxied => "proxied",
        }
    }

    /// The workload whose tokens warm up a process for this one. Those of `cold` must be new.
    pub(crate) fn warms_up_with(self) -> Self {
        match self {
            Self::Cold => Self::Warm,
            other => other,
        }
    }

    /// How many of its tokens a turn uses up.
    pub(crate) fn used_in_a_turn(self) -> u32 {
        match self {
            Self::Cold => COLD_IN_A_TURN,
            _ => 0,
        }
    }

    /// The file with its tokens.
    fn tokens(self) -> &'static str {
        match self {
            Self::Proxied => Self::Warm.name(),
            other => other.name(),
        }
    }
}

/// How a token is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Ours.
    EdDsa,
    /// With a shared secret.
    Hs256,
}

/// Where the tokens of a workload stand, one a line.
pub(crate) fn file(workload: Workload, kind: Kind) -> PathBuf {
    let kind = match kind {
        Kind::EdDsa => "eddsa",
        Kind::Hs256 => "hs256",
    };
    let name = format!("tokens/{}-{kind}.txt", workload.tokens());
    crate::system::folder().join(name)
}

/// More than anybody who reads them can check in a second here.
pub(crate) const COLD_IN_A_TURN: u32 = 20_000;

/// How many tokens a workload has that are used again and again.
const WARM: u32 = 1_000;

/// Lists of the workload `lists`: the first of each registry.
pub(crate) const LISTS: u16 = 64;

/// Who signs.
struct Mint<'a> {
    keys: &'a SigningKeys,
    secret: Hs256Key,
    issuer: &'a str,
    now: Timestamp,
    /// A user of each registry: a token's list is one of its owner's registry.
    owners: Vec<UserId>,
}

/// Somebody of each of the first registries.
fn owners(registries: u16) -> Result<Vec<UserId>> {
    let owner = |registry| {
        let users = (0..u32::MAX).map_while(|number| format!("user-{number}").parse().ok());
        let mut living_there = users.filter(|user| of_user(user, LISTS) == registry);
        living_there.next().context("a user")
    };
    (0..registries).map(owner).collect()
}

/// What differs between tokens.
#[derive(Clone, Copy)]
struct Subject<'a> {
    number: u32,
    status: StatusReference,
    scope: &'a str,
    issued_at: Timestamp,
}

/// Makes all tokens. `cold` is how many are used once only.
pub(crate) fn make(system: &System, cold: u32) -> Result<()> {
    fs::create_dir_all(crate::system::folder().join("tokens"))?;
    let mint = Mint {
        keys: &system.keys,
        secret: Hs256Key::new(&system.secret),
        issuer: crate::system::PUBLIC_URL,
        now: Timestamp::from_millis(1_000 * patrol_support::now()),
        owners: owners(LISTS)?,
    };
    for kind in [Kind::EdDsa, Kind::Hs256] {
        let good = |first: u32, count: u32, registries: u16| {
            mint.many(kind, first..first + count, |number| {
                let registry = u16::try_from(number % u32::from(registries)).unwrap_or_default();
                mint.good(number, system.free_place(registry, number))
            })
        };
        write(Workload::Hot, kind, &good(0, 1, 1)?)?;
        write(Workload::Warm, kind, &good(0, WARM, 1)?)?;
        write(Workload::KnownLists, kind, &good(WARM, WARM, LISTS)?)?;
        write(Workload::Cold, kind, &good(2 * WARM, cold, 1)?)?;
        write(Workload::Denied, kind, &mint.denied(kind, system)?)?;
    }
    Ok(())
}

fn write(workload: Workload, kind: Kind, tokens: &[String]) -> Result<()> {
    let path = file(workload, kind);
    fs::write(&path, tokens.join("\n") + "\n")
        .with_context(|| format!("cannot write {}", path.display()))
}

const GOOD_SCOPE: &str = "pipelines:read pipelines:results models:read";
const WRONG_SCOPE: &str = "pipelines:results models:read dashboards:read";

impl Mint<'_> {
    fn good(&self, number: u32, status: StatusReference) -> Subject<'static> {
        Subject {
            number,
            status,
            scope: GOOD_SCOPE,
            issued_at: self.now,
        }
    }

    /// Tokens with numbers; two processors share the work.
    fn many<'s>(
        &self,
        kind: Kind,
        numbers: std::ops::Range<u32>,
        subject: impl Fn(u32) -> Subject<'s> + Sync,
    ) -> Result<Vec<String>> {
        let middle = numbers.start.midpoint(numbers.end);
        let part = |numbers: std::ops::Range<u32>| {
            let tokens = numbers.map(|number| self.one(kind, subject(number)));
            tokens.collect::<Result<Vec<_>>>()
        };
        thread::scope(|scope| {
            let first = scope.spawn(|| part(numbers.start..middle));
            let mut second = part(middle..numbers.end)?;
            let mut all = first.join().unwrap_or_else(|_| Ok(Vec::new()))?;
            all.append(&mut second);
            Ok(all)
        })
    }

    fn one(&self, kind: Kind, subject: Subject<'_>) -> Result<String> {
        let Subject {
            number,
            status,
            scope,
            issued_at,
        } = subject;
        let claims = Claims {
            iss: self.issuer.to_owned(),
            aud: self.issuer.to_owned(),
            sub: self
                .owners
                .get(usize::from(status.list.registry))
                .context("a user")?
                .clone(),
            org: vec!["acme".parse().context("an organization")?],
            jti: id(number),
            iat: issued_at,
            nbf: None,
            exp: issued_at.plus(30 * DAY),
            scope: Some(scope.to_owned()),
            status: StatusClaim {
                status_list: StatusListClaim {
                    idx: status.idx,
                    uri: status.list.uri(self.issuer),
                },
            },
        };
        self.sign(kind, &claims)
    }

    fn sign(&self, kind: Kind, claims: &Claims) -> Result<String> {
        match kind {
            Kind::EdDsa => {
                let token = issue(claims, self.keys.first());
                let token = token.map_err(|error| anyhow::anyhow!("a token: {error:?}"))?;
                Ok(token.reveal().to_owned())
            }
            Kind::Hs256 => {
                let header = Header::empty().with_token_type("JWT");
                let token = Hs256.token(&header, &jwt_compact::Claims::new(claims), &self.secret);
                token.map_err(|error| anyhow::anyhow!("a token: {error}"))
            }
        }
    }

    /// A thousand bad tokens, one kind after the other.
    fn denied(&self, kind: Kind, system: &System) -> Result<Vec<String>> {
        let mut tokens = Vec::new();
        for (number, revoked) in (0..WARM / 4).zip(system.revoked.iter().cycle()) {
            let place = system.free_place(0, number);
            let good = self.good(number, place);
            tokens.push(garbage(number));
            tokens.push(self.one(
                kind,
                Subject {
                    issued_at: Timestamp::from_seconds(self.now.seconds() - 31 * DAY),
                    ..good
                },
            )?);
            tokens.push(self.one(
                kind,
                Subject {
                    number: revoked.number,
                    status: revoked.status,
                    ..good
                },
            )?);
            tokens.push(self.one(
                kind,
                Subject {
                    scope: WRONG_SCOPE,
                    ..good
                },
            )?);
        }
        Ok(tokens)
    }
}

/// A good token of ours at a place.
pub(crate) fn good(
    keys: &SigningKeys,
    number: u32,
    status: StatusReference,
    now: Timestamp,
) -> Result<String> {
    let mint = Mint {
        keys,
        secret: Hs256Key::new(""),
        issuer: crate::system::PUBLIC_URL,
        now,
        owners: owners(status.list.registry + 1)?,
    };
    mint.one(Kind::EdDsa, mint.good(number, status))
}

/// The id of the token with that number.
pub(crate) fn id(number: u32) -> TokenId {
    let mut bytes = [0xa5; 16];
    bytes[..4].copy_from_slice(&number.to_be_bytes());
    TokenId::from_random(bytes)
}

/// Three parts as long as a token's, of letters that mean nothing.
fn garbage(number: u32) -> String {
    let mut text = String::from("patrol_");
    let mut state = number;
    for length in [110, 420, 86] {
        for _ in 0..length {
            // The numbers of a simple generator are random enough to mean nothing.
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let letter = b'a' + u8::try_from(state >> 24).unwrap_or_default() % 26;
            text.push(char::from(letter));
        }
        let _ = text.write_char('.');
    }
    text.pop();
    text
}

/// A token that was revoked.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Revoked {
    pub(crate) number: u32,
    pub(crate) status: StatusReference,
}

/// The place of a token: any will do that is not revoked.
pub(crate) fn place(registry: u16, number: u32) -> StatusReference {
    StatusReference {
        list: StatusListId { registry, list: 0 },
        // An odd factor: a different place for each number, all over the list.
        idx: number.wrapping_mul(40_503) % LIST_SIZE,
    }
}
