//! How long a token will be, before it exists.
//!
//! Verifiers reject a token of more than [`MAX_LENGTH`] bytes. The origin must know that a token
//! fits before the registry stores it, and the registry decides its status list and index. So this
//! rule bounds the length from the lengths of the other claims, and assumes the longest possible
//! numbers. The bound is at most [`SLACK`] bytes above the real length.
//!
//! It holds because no claim needs escapes in JSON: ids, scopes and addresses have neither quotes
//! nor backslashes nor control characters.

use crate::{ids::OrganizationId, jose::jws::compact_length, routes::Paths, token::MAX_LENGTH};

/// The lengths of the claims that differ between tokens, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClaimLengths {
    /// `iss`, which is also `aud`.
    pub issuer: usize,
    /// The start of the status list's `uri`.
    pub list_base: usize,
    /// `sub`
    pub owner: usize,
    /// `jti`
    pub id: usize,
    /// The sum over the ids in `org`.
    pub organizations: usize,
    /// The number of ids in `org`.
    pub organization_count: usize,
    /// `scope`; `None` if RBAC is off, and the token has no such claim.
    pub scope: Option<usize>,
}

/// The most by which [`ClaimLengths::max_token_length`] exceeds the real length.
pub const SLACK: usize = 32;

/// The payload without the claims' values.
const FRAME: &str = r#"{"iss":"","aud":"","sub":"","org":[],"jti":"","iat":,"exp":,"status":{"status_list":{"idx":,"uri":""}}}"#;

/// The `scope` claim without its value.
const SCOPE_FRAME: &str = r#","scope":"""#;

/// The digits of [`crate::time::Timestamp::MAX`].
const TIME_DIGITS: usize = 12;

/// The digits of the largest index in a list.
const INDEX_DIGITS: usize = 6;

/// The longest path of a status list: its registry is a `u16`, its number a `u32`.
const LIST_PATH: &str = "status/65535/4294967295";

impl ClaimLengths {
    /// Measures the claims of a token. `scopes` are joined with spaces, as in the `scope` claim.
    pub fn new(
        paths: &Paths,
        owner: &str,
        id: &str,
        organizations: &[OrganizationId],
        scopes: Option<&[String]>,
    ) -> Self {
        let joined = |names: &[String]| {
            let spaces = names.len().saturating_sub(1);
            names.iter().map(String::len).sum::<usize>() + spaces
        };
        Self {
            issuer: paths.public_url().len(),
            list_base: paths.base_url().len(),
            owner: owner.len(),
            id: id.len(),
            organizations: organizations.iter().map(|id| id.as_str().len()).sum(),
            organization_count: organizations.len(),
            scope: scopes.map(joined),
        }
    }

    /// An upper bound of the signed token's length, without its prefix.
    pub const fn max_token_length(self) -> usize {
        // Quotes around each id, and commas between them.
        let org = self.organizations
            + 2 * self.organization_count
            + self.organization_count.saturating_sub(1);
        let scope = match self.scope {
            Some(length) => SCOPE_FRAME.len() + length,
            None => 0,
        };
        let payload = FRAME.len()
            + 2 * self.issuer
            + self.list_base
            + self.owner
            + self.id
            + org
            + scope
            + 2 * TIME_DIGITS
            + INDEX_DIGITS
            + LIST_PATH.len();
        compact_length(crate::token::TYPE, payload)
    }

    /// Whether verifiers accept every token with claims of these lengths.
    pub const fn is_allowed(self) -> bool {
        self.max_token_length() <= MAX_LENGTH
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        jose::{
            signing::SigningKeys,
            status_list::{LIST_SIZE, StatusListId},
        },
        time::Timestamp,
        token::{
            Claims, PREFIX,
            claims::{IssueError, StatusClaim, StatusListClaim, issue},
        },
    };
    use proptest::prelude::*;

    #[derive(Debug)]
    struct Case {
        paths: Paths,
        owner: String,
        id: String,
        organizations: Vec<OrganizationId>,
        scopes: Option<Vec<String>>,
        issued_at: u64,
        list: StatusListId,
        idx: u32,
    }

    impl Case {
        fn lengths(&self) -> ClaimLengths {
            ClaimLengths::new(
                &self.paths,
                &self.owner,
                &self.id,
                &self.organizations,
                self.scopes.as_deref(),
            )
        }

        fn claims(&self) -> Claims {
            let issued_at = Timestamp::from_seconds(self.issued_at);
            Claims {
                iss: self.paths.public_url().to_owned(),
                aud: self.paths.public_url().to_owned(),
                sub: self.owner.parse().unwrap(),
                org: self.organizations.clone(),
                jti: self.id.parse().unwrap(),
                iat: issued_at,
                nbf: None,
                exp: issued_at.plus(1),
                scope: self.scopes.as_ref().map(|names| names.join(" ")),
                status: StatusClaim {
                    status_list: StatusListClaim {
                        idx: self.idx,
                        uri: self.list.uri(&self.paths),
                    },
                },
            }
        }
    }

    fn case() -> impl Strategy<Value = Case> {
        let name = || "[a-zA-Z0-9._~@|:+-]{1,64}";
        let scopes = prop::collection::vec("[!#-Z^-~]{1,80}", 1..60);
        (
            (
                "https://[a-z0-9.-]{1,120}(/[a-z]{1,9}){0,2}",
                "/([a-z]{1,9}/){1,3}",
            ),
            name(),
            name(),
            prop::collection::vec(name(), 1..17),
            prop::option::of(scopes),
            // Ten digits: until the year 2286.
            1_700_000_000_u64..9_999_999_999,
            (any::<u16>(), any::<u32>()),
            0..LIST_SIZE,
        )
            .prop_map(
                |(urls, owner, id, organizations, scopes, issued_at, (registry, list), idx)| Case {
                    paths: Paths::new(&urls.0, Some(&urls.1), None).unwrap(),
                    owner,
                    id,
                    organizations: organizations.iter().map(|id| id.parse().unwrap()).collect(),
                    scopes,
                    issued_at,
                    list: StatusListId { registry, list },
                    idx,
                },
            )
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]
        #[test]
        fn token_length_is_bounded_closely(case in case()) {
            let keys = SigningKeys::from_jwks(&SigningKeys::generate(&[1; 32])).unwrap();
            let bound = case.lengths().max_token_length();
            match issue(&case.claims(), keys.first()) {
                Ok(token) => {
                    let length = token.reveal().len() - PREFIX.len();
                    prop_assert!(length <= bound, "{length} > {bound}");
                    prop_assert!(bound <= length + SLACK, "{bound} > {length} + {SLACK}");
                }
                Err(error) => {
                    prop_assert_eq!(error, IssueError::TooLong);
                    prop_assert!(!case.lengths().is_allowed());
                }
            }
        }
    }

    #[test]
    fn token_with_the_longest_numbers_reaches_the_bound() {
        let case = Case {
            paths: Paths::new("https://patrol.example", None, None).unwrap(),
            owner: "ada".to_owned(),
            id: "AAAAAAAAAAA".to_owned(),
            organizations: vec!["acme".parse().unwrap()],
            scopes: Some(vec!["uns:read".to_owned()]),
            issued_at: Timestamp::MAX.seconds(),
            list: StatusListId {
                registry: u16::MAX,
                list: u32::MAX,
            },
            idx: LIST_SIZE - 1,
        };
        let keys = SigningKeys::from_jwks(&SigningKeys::generate(&[1; 32])).unwrap();
        let token = issue(&case.claims(), keys.first()).unwrap();
        let length = token.reveal().len() - PREFIX.len();
        assert_eq!(case.lengths().max_token_length(), length);
    }
}
