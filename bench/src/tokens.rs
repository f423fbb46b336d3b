//! Creates the tokens of each workload without the origin: thousands would need as many requests.
//!
//! Each token looks as if the origin had issued it, with an index in a list that exists. Peers with
//! a shared secret get their own tokens with the same claims.

use crate::{
    files,
    workload::{TokenFormat, Workload},
    zipf::Zipf,
};
use anyhow::{Context as _, Result};
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
    routes::Paths,
    time::{DAY, Timestamp},
    token::claims::{Claims, StatusClaim, StatusListClaim, issue},
};
use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    fmt::Write as _,
    path::PathBuf,
    thread,
};

/// The issuer and audience of all tokens. Nothing listens on this address.
pub(crate) const PUBLIC_URL: &str = "http://127.0.0.1:8787";

/// The paths of the installation at [`PUBLIC_URL`].
pub(crate) fn paths() -> Result<Paths> {
    Paths::new(PUBLIC_URL, None, None).map_err(anyhow::Error::msg)
}

/// The token file of a workload, one token per line.
pub(crate) fn file(workload: Workload, format: TokenFormat) -> PathBuf {
    let (workload, format) = (workload.tokens().name(), format.name());
    files::folder().join(format!("tokens/{workload}-{format}.txt"))
}

/// The tokens of workloads that repeat theirs.
const WARM: u32 = 1_000;

/// The tokens that `mix` draws from.
const MIX: u32 = 100_000;

/// The number of the first token of `mix`, above those of all other workloads.
const MIX_FIRST: u32 = 10_000_000;

/// The lists of the workload `lists`: the first of each registry.
pub(crate) const LISTS: u16 = 64;

/// What tokens are created from.
pub(crate) struct TokenSource {
    pub(crate) keys: SigningKeys,
    /// Shared by the peers that use HS256.
    pub(crate) secret: String,
    pub(crate) revoked: Vec<Revoked>,
    /// Indexes in the first list of registry 0.
    pub(crate) revoked_indexes: HashSet<u32>,
}

/// A token that was revoked at the origin.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Revoked {
    pub(crate) number: u32,
    pub(crate) status: StatusReference,
}

impl TokenSource {
    /// An index that is not revoked: a different one for each number, spread over the list.
    fn valid_index(&self, registry: u16, number: u32) -> StatusReference {
        // The factor is odd and the size a power of two.
        let mut idx = number.wrapping_mul(40_503) % LIST_SIZE;
        while self.revoked_indexes.contains(&idx) {
            idx = (idx + 1) % LIST_SIZE;
        }
        StatusReference {
            list: StatusListId { registry, list: 0 },
            idx,
        }
    }
}

/// How many tokens to create.
pub(crate) struct Amounts {
    pub(crate) cold: u32,
    pub(crate) mix_draws: u32,
}

struct Issuer<'a> {
    keys: &'a SigningKeys,
    secret: Hs256Key,
    now: Timestamp,
    /// A user of each registry: a token's list belongs to its owner's registry.
    owners: Vec<UserId>,
}

/// A user of each of the first registries.
fn owners(registries: u16) -> Result<Vec<UserId>> {
    let owner = |registry| {
        let users = (0..u32::MAX).map_while(|number| format!("user-{number}").parse().ok());
        let mut users = users.filter(|user| of_user(user, LISTS) == registry);
        users.next().context("no user name for a registry")
    };
    (0..registries).map(owner).collect()
}

/// The differences between tokens.
#[derive(Clone, Copy)]
struct Subject<'a> {
    number: u32,
    status: StatusReference,
    scope: &'a str,
    issued_at: Timestamp,
}

/// Writes the token files of all workloads.
pub(crate) fn make(source: &TokenSource, amounts: &Amounts) -> Result<()> {
    files::create_folder(&files::folder().join("tokens"))?;
    let issuer = Issuer {
        keys: &source.keys,
        secret: Hs256Key::new(&source.secret),
        now: Timestamp::from_seconds(patrol_support::now()),
        owners: owners(LISTS)?,
    };
    for format in TokenFormat::ALL {
        let tokens = |first: u32, count: u32, registries: u16| {
            let numbers: Vec<u32> = (first..first + count).collect();
            issuer.many(format, &numbers, |number| {
                let registry = u16::try_from(number % u32::from(registries)).unwrap_or_default();
                issuer.valid(number, source.valid_index(registry, number))
            })
        };
        write(Workload::Hot, format, &tokens(0, 1, 1)?)?;
        write(Workload::Warm, format, &tokens(0, WARM, 1)?)?;
        write(Workload::Lists, format, &tokens(WARM, WARM, LISTS)?)?;
        write(Workload::Cold, format, &tokens(2 * WARM, amounts.cold, 1)?)?;
        write(Workload::Denied, format, &issuer.denied(format, source)?)?;
    }
    write(
        Workload::Mix,
        TokenFormat::EdDsa,
        &issuer.mix(source, amounts.mix_draws)?,
    )
}

fn write<T: AsRef<str>>(workload: Workload, format: TokenFormat, tokens: &[T]) -> Result<()> {
    let mut text = String::new();
    for token in tokens {
        text.push_str(token.as_ref());
        text.push('\n');
    }
    files::write(&file(workload, format), text)
}

const SUFFICIENT_SCOPE: &str = "pipelines:read pipelines:results models:read";
const INSUFFICIENT_SCOPE: &str = "pipelines:results models:read dashboards:read";

impl Issuer<'_> {
    fn valid(&self, number: u32, status: StatusReference) -> Subject<'static> {
        Subject {
            number,
            status,
            scope: SUFFICIENT_SCOPE,
            issued_at: self.now,
        }
    }

    /// A token for each number; two processors share the work.
    fn many<'s>(
        &self,
        format: TokenFormat,
        numbers: &[u32],
        subject: impl Fn(u32) -> Subject<'s> + Sync,
    ) -> Result<Vec<String>> {
        let sign = |numbers: &[u32]| {
            let tokens = numbers
                .iter()
                .map(|&number| self.one(format, subject(number)));
            tokens.collect::<Result<Vec<_>>>()
        };
        let (first, second) = numbers.split_at(numbers.len() / 2);
        thread::scope(|scope| {
            let first = scope.spawn(|| sign(first));
            let mut second = sign(second)?;
            let mut all = first
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
            all.append(&mut second);
            Ok(all)
        })
    }

    fn one(&self, format: TokenFormat, subject: Subject<'_>) -> Result<String> {
        let Subject {
            number,
            status,
            scope,
            issued_at,
        } = subject;
        let claims = Claims {
            iss: PUBLIC_URL.to_owned(),
            aud: PUBLIC_URL.to_owned(),
            sub: self
                .owners
                .get(usize::from(status.list.registry))
                .context("no user of this registry")?
                .clone(),
            org: vec!["acme".parse().context("no organization")?],
            jti: id(number),
            iat: issued_at,
            nbf: None,
            exp: issued_at.plus(30 * DAY),
            scope: Some(scope.to_owned()),
            status: StatusClaim {
                status_list: StatusListClaim {
                    idx: status.idx,
                    uri: status.list.uri(&paths()?),
                },
            },
        };
        self.sign(format, &claims)
    }

    fn sign(&self, format: TokenFormat, claims: &Claims) -> Result<String> {
        match format {
            TokenFormat::EdDsa => {
                let token = issue(claims, self.keys.first());
                let token =
                    token.map_err(|error| anyhow::anyhow!("cannot sign a token: {error:?}"))?;
                Ok(token.reveal().to_owned())
            }
            TokenFormat::Hs256 => {
                let header = Header::empty().with_token_type("JWT");
                let token = Hs256.token(&header, &jwt_compact::Claims::new(claims), &self.secret);
                token.map_err(|error| anyhow::anyhow!("cannot sign a token: {error}"))
            }
        }
    }

    /// A thousand tokens to deny: garbage, expired, revoked and insufficient scope in turn.
    fn denied(&self, format: TokenFormat, source: &TokenSource) -> Result<Vec<String>> {
        let mut tokens = Vec::new();
        for (number, revoked) in (0..WARM / 4).zip(source.revoked.iter().cycle()) {
            let valid = self.valid(number, source.valid_index(0, number));
            let expired = Subject {
                issued_at: Timestamp::from_seconds(self.now.seconds() - 31 * DAY),
                ..valid
            };
            let revoked = Subject {
                number: revoked.number,
                status: revoked.status,
                ..valid
            };
            let insufficient = Subject {
                scope: INSUFFICIENT_SCOPE,
                ..valid
            };
            tokens.push(garbage(number));
            for subject in [expired, revoked, insufficient] {
                tokens.push(self.one(format, subject)?);
            }
        }
        Ok(tokens)
    }

    /// The sequence of tokens for `mix`. Only tokens that are drawn get signed: 20,000 draws take
    /// some 7,500 tokens.
    fn mix(&self, source: &TokenSource, count: u32) -> Result<Vec<String>> {
        let mut zipf = Zipf::new(MIX);
        let drawn: Vec<u32> = (0..count).map(|_| MIX_FIRST + zipf.draw()).collect();
        let distinct: Vec<u32> = drawn
            .iter()
            .copied()
            .collect::<BTreeSet<_>>()
            .into_iter()
            .collect();
        let tokens = self.many(TokenFormat::EdDsa, &distinct, |number| {
            self.valid(number, source.valid_index(0, number))
        })?;
        let tokens: BTreeMap<u32, String> = distinct.into_iter().zip(tokens).collect();
        let sequence = drawn.iter().map(|number| tokens.get(number).cloned());
        sequence
            .collect::<Option<_>>()
            .context("a drawn token was not signed")
    }
}

/// A valid token, signed with these keys.
pub(crate) fn valid(
    keys: &SigningKeys,
    number: u32,
    status: StatusReference,
    now: Timestamp,
) -> Result<String> {
    let issuer = Issuer {
        keys,
        secret: Hs256Key::new(""),
        now,
        owners: owners(status.list.registry + 1)?,
    };
    issuer.one(TokenFormat::EdDsa, issuer.valid(number, status))
}

pub(crate) fn id(number: u32) -> TokenId {
    let mut bytes = [0xa5; 8];
    bytes[..4].copy_from_slice(&number.to_be_bytes());
    TokenId::from_random(bytes)
}

/// Three parts of random letters, as long as those of a token.
fn garbage(number: u32) -> String {
    let mut text = String::from("patrol_");
    let mut state = number;
    for length in [110, 420, 86] {
        for _ in 0..length {
            // A linear congruential generator is random enough for garbage.
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let letter = b'a' + u8::try_from(state >> 24).unwrap_or_default() % 26;
            text.push(char::from(letter));
        }
        let _ = text.write_char('.');
    }
    text.pop();
    text
}
