//! Every decision about a request, and the order of the checks.

use patrol::{
    authorize::{
        credentials::CredentialsError,
        decision::{self, AccessRequest, Denial, Forwarder, Permit, authorize, preflight},
    },
    ids::OrganizationId,
    jose::status_list::{Status, StatusListId, StatusReference},
    policy::{Access, Policy, RouteError},
    revocation::known_list::StatusCheck,
    routes::Dialect,
    time::Timestamp,
    token::{Grant, Token, TokenError},
};
use patrol_policy::example;

const VALID: StatusCheck = StatusCheck::Known(Status::Valid);

fn token(scope: Option<&str>) -> Token {
    Token {
        id: "token-1".parse().unwrap(),
        kid: "key-1".to_owned(),
        owner: "ada".parse().unwrap(),
        organizations: vec!["acme".parse().unwrap(), "globex".parse().unwrap()],
        grant: Grant::new(scope.map(str::to_owned), example()),
        status: StatusReference {
            list: StatusListId {
                registry: 0,
                list: 0,
            },
            idx: 1,
        },
        not_before: Some(Timestamp::from_seconds(1_000)),
        expires_at: Timestamp::from_seconds(2_000),
    }
}

fn request<'a>(method: &'a str, path: &'a str, organization: Option<&'a str>) -> AccessRequest<'a> {
    AccessRequest {
        method,
        path,
        organization,
        now: Timestamp::from_seconds(1_500),
        forwarder: Forwarder::Edge,
    }
}

fn at(now: u64) -> AccessRequest<'static> {
    AccessRequest {
        now: Timestamp::from_seconds(now),
        ..request("GET", "/api/v1/engine/pipelines", Some("acme"))
    }
}

fn decide<'a, 'p>(
    request: &AccessRequest<'p>,
    token: &'a Token,
    policy: &Policy,
) -> Result<Permit<'a, 'p>, Denial> {
    let found = decision::route(request, policy);
    authorize(request, token, VALID, found, policy)
}

fn code(request: &AccessRequest<'_>, token: &Token, revocation: StatusCheck) -> &'static str {
    let found = decision::route(request, example());
    match authorize(request, token, revocation, found, example()) {
        Ok(_) => "allowed",
        Err(denial) => denial.code().as_str(),
    }
}

#[test]
fn the_token_must_not_be_past_its_expiry_time() {
    let token = token(Some("pipelines:read"));
    for (now, expected) in [
        (0, "token-not-yet-valid"),
        (999, "token-not-yet-valid"),
        (1_000, "allowed"),
        (1_999, "allowed"),
        (2_000, "token-expired"),
        (u64::MAX, "token-expired"),
    ] {
        assert_eq!(code(&at(now), &token, VALID), expected, "{now}");
    }
}

#[test]
fn token_without_nbf_is_valid_at_once() {
    let token = Token {
        not_before: None,
        ..token(Some("pipelines:read"))
    };
    for now in [0, 999, 1_999] {
        assert_eq!(code(&at(now), &token, VALID), "allowed", "{now}");
    }
}

#[test]
fn the_token_must_not_have_been_revoked() {
    let token = token(Some("pipelines:read"));
    for (revocation, expected) in [
        (VALID, "allowed"),
        (StatusCheck::Known(Status::Invalid), "token-revoked"),
        (StatusCheck::Known(Status::Suspended), "token-suspended"),
        (StatusCheck::Known(Status::Other(3)), "token-suspended"),
        (StatusCheck::KeyRetired, "signature-invalid"),
        (StatusCheck::NoSuchList, "token-malformed"),
        (StatusCheck::Unavailable, "revocation-unavailable"),
    ] {
        assert_eq!(code(&at(1_500), &token, revocation), expected);
    }
}

#[test]
fn the_requested_action_must_be_covered_by_at_least_one_of_the_tokens_scopes() {
    for (scope, method, path, expected) in [
        (
            Some("pipelines:read"),
            "GET",
            "/api/v1/engine/pipelines",
            "allowed",
        ),
        (
            Some("pipelines:read"),
            "HEAD",
            "/api/v1/engine/pipelines",
            "allowed",
        ),
        (
            Some("pipelines:read"),
            "POST",
            "/api/v1/engine/pipelines",
            "scope-insufficient",
        ),
        (
            Some("models:read"),
            "GET",
            "/api/v1/engine/pipelines",
            "scope-insufficient",
        ),
        (
            Some(""),
            "GET",
            "/api/v1/engine/pipelines",
            "scope-insufficient",
        ),
        (
            None,
            "GET",
            "/api/v1/engine/pipelines",
            "scope-insufficient",
        ),
        (
            Some("uns:publish"),
            "PUT",
            "/api/v1/uns/topics/a/b",
            "allowed",
        ),
        (
            Some("uns:read"),
            "PUT",
            "/api/v1/uns/topics/a/b",
            "scope-insufficient",
        ),
        (
            Some("uns:publish"),
            "POST",
            "/api/v1/uns/moves",
            "scope-insufficient",
        ),
        (
            Some("uns:publish uns:manage"),
            "POST",
            "/api/v1/uns/moves",
            "allowed",
        ),
    ] {
        let request = request(method, path, Some("acme"));
        assert_eq!(
            code(&request, &token(scope), VALID),
            expected,
            "{scope:?} {method} {path}"
        );
    }
}

#[test]
fn x_organization_id_picks_one_of_the_tokens_organizations() {
    let token = token(Some("pipelines:read organizations:read"));
    // The first route needs an organization, the second does not.
    let (scoped, global) = ("/api/v1/engine/pipelines", "/api/v1/organizations");
    for (path, organization, expected) in [
        (scoped, Some("acme"), "allowed"),
        (scoped, Some("globex"), "allowed"),
        (scoped, Some("initech"), "organization-mismatch"),
        (scoped, Some("ACME"), "organization-mismatch"),
        (scoped, Some(""), "organization-mismatch"),
        (scoped, Some("acme, globex"), "organization-mismatch"),
        (scoped, None, "organization-required"),
        (global, None, "allowed"),
        (global, Some("acme"), "allowed"),
        (global, Some("initech"), "organization-mismatch"),
    ] {
        assert_eq!(
            code(&request("GET", path, organization), &token, VALID),
            expected,
            "{path} {organization:?}"
        );
    }
    let request = request("GET", scoped, Some("globex"));
    let permit = decide(&request, &token, example()).unwrap();
    assert_eq!(permit.organization.unwrap().as_str(), "globex");
}

#[test]
fn only_organization_of_a_token_need_not_be_named() {
    let token = Token {
        organizations: vec!["acme".parse().unwrap()],
        ..token(Some("pipelines:read organizations:read"))
    };
    let (scoped, global) = ("/api/v1/engine/pipelines", "/api/v1/organizations");
    for (path, named, acting) in [
        (scoped, None, Some("acme")),
        (scoped, Some("acme"), Some("acme")),
        (global, None, None),
        (global, Some("acme"), Some("acme")),
    ] {
        let request = request("GET", path, named);
        let permit = decide(&request, &token, example()).unwrap();
        let found = permit.organization.map(OrganizationId::as_str);
        assert_eq!(found, acting, "{path} {named:?}");
    }
    for named in ["globex", ""] {
        let request = request("GET", scoped, Some(named));
        assert_eq!(code(&request, &token, VALID), "organization-mismatch");
    }
}

#[test]
fn when_rbac_is_not_enabled_tokens_inherit_the_full_access_of_the_account() {
    let mut policy = example().clone();
    policy.rbac = false;
    for token in [token(None), token(Some("models:read"))] {
        let request = request("DELETE", "/api/v1/dashboards/d", Some("acme"));
        assert!(decide(&request, &token, &policy).is_ok());
    }
    let unknown = request("GET", "/api/v1/secrets", Some("acme"));
    assert_eq!(
        decide(&unknown, &token(None), &policy).unwrap_err(),
        Denial::RouteUnknown(RouteError::Unknown)
    );
}

#[test]
fn preflight_passes_where_the_policy_has_a_route() {
    for (method, path, expected) in [
        (
            "GET",
            "/api/v1/engine/pipelines",
            Some("/api/v1/engine/pipelines"),
        ),
        ("HEAD", "/api/v1/models/%61", Some("/api/v1/models/a")),
        (
            "POST",
            "/api/v1/engine/pipelines",
            Some("/api/v1/engine/pipelines"),
        ),
        ("DELETE", "/api/v1/engine/pipelines", None),
        ("get", "/api/v1/engine/pipelines", None),
        ("GET, POST", "/api/v1/engine/pipelines", None),
        ("GET", "/api/v1/secrets", None),
        ("GET", "/../../admin//x;y", None),
        ("", "/api/v1/models", None),
    ] {
        let found = preflight(method, path, example());
        assert_eq!(found.as_deref().ok(), expected, "{method} {path}");
        if let Err(denial) = found {
            assert_eq!(denial.code().as_str(), "route-unknown");
        }
    }
}

/// The edge forwards the normal spelling. A proxy forwards what it got.
#[test]
fn proxy_must_hold_the_path_in_its_normal_spelling() {
    let token = token(Some("models:read uns:publish"));
    for (method, path, by_edge, by_proxy) in [
        ("GET", "/api/v1/models/a-b", "allowed", "allowed"),
        ("GET", "/api/v1/models/a%2Db", "allowed", "route-unknown"),
        ("GET", "/api/v1/models/a%20b", "allowed", "allowed"),
        ("PUT", "/api/v1/uns/topics/a%2Db;c", "allowed", "allowed"),
        ("PUT", "/api/v1/%75ns/topics/a", "allowed", "route-unknown"),
    ] {
        let edge = request(method, path, Some("acme"));
        let forwarder = Forwarder::Proxy(Dialect::Forwarded);
        let proxy = AccessRequest { forwarder, ..edge };
        assert_eq!(code(&edge, &token, VALID), by_edge, "{path}");
        assert_eq!(code(&proxy, &token, VALID), by_proxy, "{path}");
    }
    let proxy = AccessRequest {
        forwarder: Forwarder::Proxy(Dialect::Forwarded),
        ..request("GET", "/api/v1/models/a%2Db", None)
    };
    let denial = decision::route(&proxy, example()).unwrap_err();
    let detail = denial.problem(example()).detail;
    assert!(
        detail.contains("Send it as `/api/v1/models/a-b`"),
        "{detail}"
    );
}

#[test]
fn path_must_name_the_organization_that_the_request_acts_in() {
    let two = token(Some("organizations:read"));
    let one = Token {
        organizations: vec!["acme".parse().unwrap()],
        ..two.clone()
    };
    let members = |organization| format!("/api/v1/organizations/{organization}/members");
    for (token, named, in_path, expected) in [
        (&two, Some("acme"), "acme", "allowed"),
        (&two, Some("acme"), "%61cme", "allowed"),
        (&two, Some("globex"), "globex", "allowed"),
        (&two, Some("acme"), "globex", "organization-mismatch"),
        (&two, Some("globex"), "acme", "organization-mismatch"),
        (&two, None, "acme", "organization-required"),
        (&one, None, "acme", "allowed"),
        (&one, None, "globex", "organization-mismatch"),
        (&one, Some("acme"), "initech", "organization-mismatch"),
    ] {
        let path = members(in_path);
        let request = request("GET", &path, named);
        assert_eq!(
            code(&request, token, VALID),
            expected,
            "{named:?} {in_path}"
        );
    }
    let text = include_str!("../../../policy.toml").replace(
        "\"GET /api/v1/organizations/{organization}/members\" = [\"organizations:read\", \"organizations:members\"]",
        "\"GET /api/v1/organizations/{organization}/members\" = { scopes = [\"organizations:read\"], organization_parameter = false }",
    );
    let lax = Policy::new(patrol_policy::read(&text).unwrap()).unwrap();
    let path = members("globex");
    assert!(decide(&request("GET", &path, None), &one, &lax).is_ok());
}

#[test]
fn checks_come_in_a_fixed_order() {
    let token = token(Some("models:read"));
    let no_route = request("GET", "/nowhere", Some("initech"));
    let revoked = StatusCheck::Known(Status::Invalid);
    let expired = AccessRequest {
        now: Timestamp::from_seconds(3_000),
        ..no_route
    };
    assert_eq!(code(&expired, &token, revoked), "token-expired");
    assert_eq!(code(&no_route, &token, revoked), "token-revoked");
    assert_eq!(
        code(&no_route, &token, StatusCheck::Unavailable),
        "revocation-unavailable"
    );
    assert_eq!(code(&no_route, &token, VALID), "route-unknown");
    let other_organization = request("GET", "/api/v1/engine/pipelines", Some("initech"));
    assert_eq!(
        code(&other_organization, &token, VALID),
        "organization-mismatch"
    );
    let no_scope = request("GET", "/api/v1/engine/pipelines", Some("acme"));
    assert_eq!(code(&no_scope, &token, VALID), "scope-insufficient");
}

fn assert_headers(denial: &Denial, has_challenge: bool) {
    for is_browser in [true, false] {
        let headers: Vec<_> = denial.headers(example(), is_browser).collect();
        let names: Vec<_> = headers.iter().map(|(name, _)| *name).collect();
        let basic = headers
            .iter()
            .filter(|(_, value)| value.starts_with("Basic "));
        let may_offer = denial.status() == 401 && !is_browser;
        assert_eq!(basic.count(), usize::from(may_offer), "{denial:?}");
        let expected: &[_] = match (has_challenge, denial.status()) {
            (true, _) if may_offer => &["WWW-Authenticate"; 2],
            (true, _) => &["WWW-Authenticate"],
            (false, 503) => &["Retry-After"],
            (false, _) => &[],
        };
        assert_eq!(names, expected, "{denial:?}");
    }
}

#[test]
fn denials_have_their_status_challenge_and_text() {
    let found = example().route("POST", "/api/v1/connectors/c/test");
    let Access::Scopes(requirement) = found.unwrap().route.access.clone() else {
        panic!("the route is public");
    };
    let invalid_token = Some("error=\"invalid_token\"");
    for (denial, code, status, challenge) in [
        (
            Denial::from(CredentialsError::Missing),
            "token-missing",
            401,
            Some("Bearer realm=\"patrol\""),
        ),
        (
            Denial::from(CredentialsError::BasicMalformed),
            "token-malformed",
            401,
            invalid_token,
        ),
        (
            Denial::from(TokenError::Issuer),
            "token-malformed",
            401,
            invalid_token,
        ),
        (
            Denial::from(TokenError::Signature),
            "signature-invalid",
            401,
            invalid_token,
        ),
        (Denial::TokenExpired, "token-expired", 401, invalid_token),
        (
            Denial::TokenNotYetValid,
            "token-not-yet-valid",
            401,
            invalid_token,
        ),
        (Denial::TokenRevoked, "token-revoked", 401, invalid_token),
        (
            Denial::TokenSuspended,
            "token-suspended",
            401,
            invalid_token,
        ),
        (
            Denial::ScopeInsufficient(requirement),
            "scope-insufficient",
            403,
            Some("scope=\"connectors:test\""),
        ),
        (
            Denial::OrganizationRequired,
            "organization-required",
            400,
            None,
        ),
        (
            Denial::OrganizationMismatch,
            "organization-mismatch",
            403,
            None,
        ),
        (
            Denial::RouteUnknown(RouteError::Unknown),
            "route-unknown",
            403,
            None,
        ),
        (
            Denial::RevocationUnavailable,
            "revocation-unavailable",
            503,
            None,
        ),
    ] {
        assert_eq!((denial.code().as_str(), denial.status()), (code, status));
        let header = denial.challenge(example());
        match challenge {
            Some(part) => assert!(header.unwrap().contains(part), "{code}"),
            None => assert_eq!(header, None, "{code}"),
        }
        let problem: serde_json::Value =
            serde_json::from_str(&denial.problem(example()).to_json()).unwrap();
        assert_eq!(problem["code"], code);
        assert_eq!(problem["status"], status);
        assert!(problem["detail"].as_str().unwrap().len() > 10, "{code}");
        assert_eq!(denial.retry_after().is_some(), status == 503);
        assert_headers(&denial, challenge.is_some());
    }
}

#[test]
fn refusal_without_a_token_has_no_error_and_one_for_scopes_names_all_of_them() {
    let missing = Denial::from(CredentialsError::Missing)
        .challenge(example())
        .unwrap();
    assert!(!missing.contains("error"), "RFC 6750, section 3.1");
    let found = example().route("POST", "/api/v1/connectors/c/test");
    let Access::Scopes(requirement) = found.unwrap().route.access.clone() else {
        panic!("the route is public");
    };
    let detail = Denial::ScopeInsufficient(requirement)
        .problem(example())
        .detail;
    assert!(
        detail.contains("connectors:write, or connectors:test")
            || detail.contains("connectors:test, or connectors:write")
    );
}
