//! `[membership]`: from the claims of an identity provider to organizations and roles.
//!
//! Providers put groups and roles into different places and spell them differently, so a rule says
//! where to look and how a value is spelled. A rule grants what it says and no more: a value that no
//! rule matches grants nothing, and so does a role that the policy lacks. Of several providers each
//! can be held to its own rules.
//!
//! The origin reads this member of `policy.json`; the edge skips it.
//!
//! Left out: regular expressions, because a rule that nobody can read grants too much one day.

use super::account::MembershipRecord;
use super::{Policy, is_word};
use crate::{ids::OrganizationId, json};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::{collections::BTreeMap, fmt};

/// The most rules of a policy.
pub const MAX_RULES: usize = 128;

/// The most organizations that a user gets.
pub const MAX_ORGANIZATIONS: usize = 100;

/// The most notices about the claims of one user.
const MAX_NOTICES: usize = 16;

/// The longest display name of an organization, in characters.
const MAX_NAME: usize = 100;

/// The member `membership` of `policy.json`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MembershipDocument {
    /// Display names of organizations, by id.
    #[serde(default)]
    pub names: BTreeMap<String, String>,
    /// All of them apply.
    #[serde(default)]
    pub rules: Vec<RuleDocument>,
}

/// One rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RuleDocument {
    /// The only provider whose claims the rule reads. Absent: any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    /// The path to the values: names of members, or a placeholder for any name.
    pub claim: Vec<String>,
    /// How a value is spelled.
    pub value: String,
    /// The organization, if neither `claim` nor `value` has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organization: Option<OrganizationDocument>,
    /// The role, if neither `claim` nor `value` has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
}

/// Where a rule has its organization from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OrganizationDocument {
    /// This one.
    Id(String),
    /// Those that another claim names: the path to it.
    Claim(Vec<String>),
}

/// A mistake in `[membership]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MembershipError {
    /// Where it is.
    pub at: Place,
    /// What is wrong.
    pub problem: String,
}

/// A place in `[membership]`. Numbers count from 0, in the order of the document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// The document as a whole.
    Document,
    /// An entry of `names`.
    Name(usize),
    /// A rule.
    Rule(usize),
    /// A rule's `provider`.
    Provider(usize),
    /// A rule's `claim`.
    Claim(usize),
    /// A rule's `value`.
    Value(usize),
    /// A rule's `organization`.
    Organization(usize),
    /// A rule's `role`.
    Role(usize),
}

impl Place {
    fn error(self, problem: impl Into<String>) -> MembershipError {
        let problem = problem.into();
        MembershipError { at: self, problem }
    }
}

impl fmt::Display for MembershipError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.at {
            Place::Document => f.write_str("membership: "),
            Place::Name(number) => write!(f, "membership name {}: ", number + 1),
            Place::Rule(number)
            | Place::Provider(number)
            | Place::Claim(number)
            | Place::Value(number)
            | Place::Organization(number)
            | Place::Role(number) => write!(f, "membership rule {}: ", number + 1),
        }?;
        f.write_str(&self.problem)
    }
}

impl std::error::Error for MembershipError {}

/// The rules of a policy.
#[derive(Debug, Clone, Default)]
pub struct MembershipRules {
    names: BTreeMap<String, String>,
    rules: Vec<Rule>,
}

#[derive(Debug, Clone)]
struct Rule {
    provider: Option<String>,
    claim: Vec<Segment>,
    value: Pattern,
    organization: Organization,
    role: Option<String>,
}

#[derive(Debug, Clone)]
enum Organization {
    Id(OrganizationId),
    Claim(Vec<Segment>),
    /// From the placeholder.
    Bound,
}

/// What a placeholder stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Slot {
    Organization,
    Role,
}

impl Slot {
    const ALL: [Self; 2] = [Self::Organization, Self::Role];

    const fn placeholder(self) -> &'static str {
        match self {
            Self::Organization => "{organization}",
            Self::Role => "{role}",
        }
    }
}

/// The texts that the placeholders stand for.
#[derive(Debug, Clone, Copy, Default)]
struct Bound<'a> {
    organization: Option<&'a str>,
    role: Option<&'a str>,
}

impl<'a> Bound<'a> {
    fn with(mut self, slot: Slot, text: &'a str) -> Self {
        match slot {
            Slot::Organization => self.organization = Some(text),
            Slot::Role => self.role = Some(text),
        }
        self
    }
}

#[derive(Debug, Clone)]
enum Segment {
    Name(String),
    Any(Slot),
}

impl Segment {
    fn parse(text: &str) -> Self {
        Slot::ALL
            .into_iter()
            .find(|slot| slot.placeholder() == text)
            .map_or_else(|| Self::Name(text.to_owned()), Self::Any)
    }
}

/// How a value is spelled: a text with placeholders, each followed by another text.
#[derive(Debug, Clone)]
struct Pattern {
    start: String,
    slots: Vec<(Slot, String)>,
    /// Whether more may follow.
    is_open: bool,
}

impl Pattern {
    fn parse(text: &str) -> Result<Self, String> {
        let (text, is_open) = match text.strip_suffix('*') {
            Some(text) => (text, true),
            None => (text, false),
        };
        if text.contains('*') {
            return Err(
                "`*` stands for the rest of a value, so it must be the last character".into(),
            );
        }
        let mut pattern = Self {
            start: String::new(),
            slots: Vec::new(),
            is_open,
        };
        let mut rest = text;
        while let Some(at) = rest.find(['{', '}']) {
            let (before, placeholder) = rest.split_at(at);
            let found = Slot::ALL
                .into_iter()
                .find_map(|slot| Some((slot, placeholder.strip_prefix(slot.placeholder())?)));
            let Some((slot, after)) = found else {
                return Err("in braces only {organization} and {role} are possible".into());
            };
            if pattern.slots.iter().any(|(other, _)| *other == slot) {
                return Err(format!("{} occurs twice", slot.placeholder()));
            }
            pattern.end().push_str(before);
            pattern.slots.push((slot, String::new()));
            rest = after;
        }
        pattern.end().push_str(rest);
        let ends = pattern.slots.iter().map(|(_, end)| end.is_empty());
        let last = pattern.slots.len().saturating_sub(1);
        if ends
            .enumerate()
            .any(|(at, empty)| empty && (at < last || is_open))
        {
            return Err("a text must follow a placeholder, so that its end can be found".into());
        }
        Ok(pattern)
    }

    /// The text that is being read.
    fn end(&mut self) -> &mut String {
        self.slots
            .last_mut()
            .map_or(&mut self.start, |(_, end)| end)
    }

    fn has(&self, slot: Slot) -> bool {
        self.slots.iter().any(|(own, _)| *own == slot)
    }

    /// The text between two placeholders.
    fn separator(&self) -> Option<&str> {
        match self.slots.as_slice() {
            [(_, separator), _] => Some(separator),
            _ => None,
        }
    }

    /// What the placeholders stand for in a value. An organization's id may contain the separator, a
    /// role may not, so the value is split beside the role.
    fn bind<'a>(&self, value: &'a str, bound: Bound<'a>) -> Option<Bound<'a>> {
        let rest = value.strip_prefix(&*self.start)?;
        let whole = |rest: &'a str, end: &str| {
            if self.is_open {
                rest.split_once(end).map(|(text, _)| text)
            } else {
                rest.strip_suffix(end)
            }
        };
        let bound = match self.slots.as_slice() {
            [] => return (self.is_open || rest.is_empty()).then_some(bound),
            [(slot, end)] => bound.with(*slot, whole(rest, end)?),
            [(first, separator), (second, end), ..] => {
                let (one, two) = if self.is_open {
                    let (one, rest) = rest.split_once(&**separator)?;
                    (one, whole(rest, end)?)
                } else {
                    let both = whole(rest, end)?;
                    match first {
                        Slot::Organization => both.rsplit_once(&**separator)?,
                        Slot::Role => both.split_once(&**separator)?,
                    }
                };
                bound.with(*first, one).with(*second, two)
            }
        };
        let is_empty = |text: Option<&str>| text.is_some_and(str::is_empty);
        (!is_empty(bound.organization) && !is_empty(bound.role)).then_some(bound)
    }
}

impl MembershipRules {
    /// Reads the member `membership` of `policy.json`. Without it there are no rules.
    ///
    /// # Errors
    /// The first mistake.
    pub fn from_json(text: &str, policy: &Policy) -> Result<Self, MembershipError> {
        #[derive(Deserialize)]
        struct Member {
            #[serde(default, deserialize_with = "json::object")]
            membership: MembershipDocument,
        }
        let member: Member = json::read(text.as_bytes())
            .map_err(|error| Place::Document.error(error.to_string()))?;
        Self::new(member.membership, policy)
    }

    /// Checks rules.
    ///
    /// # Errors
    /// The first mistake.
    pub fn new(document: MembershipDocument, policy: &Policy) -> Result<Self, MembershipError> {
        let MembershipDocument { names, rules } = document;
        for (number, (id, name)) in names.iter().enumerate() {
            let wrong = |problem: String| Err(Place::Name(number).error(problem));
            if let Err(error) = id.parse::<OrganizationId>() {
                return wrong(format!("{id:?} is no id of an organization: {error}"));
            }
            if name.trim().is_empty() || name.chars().count() > MAX_NAME {
                return wrong(format!("a name has 1 to {MAX_NAME} characters"));
            }
        }
        if rules.len() > MAX_RULES {
            let problem = format!("{} rules; at most {MAX_RULES} are possible", rules.len());
            return Err(Place::Document.error(problem));
        }
        let rules = rules.into_iter().enumerate();
        let rules = rules.map(|(number, rule)| Rule::new(number, rule, policy));
        Ok(Self {
            names,
            rules: rules.collect::<Result<_, _>>()?,
        })
    }

    /// The providers that rules name. A rule for one that does not exist would never apply.
    pub fn providers(&self) -> impl Iterator<Item = &str> {
        self.rules
            .iter()
            .filter_map(|rule| rule.provider.as_deref())
    }

    /// The display name of an organization: that of the policy, or its id.
    pub fn name_of(&self, organization: &OrganizationId) -> String {
        let id = organization.as_str();
        self.names.get(id).map_or(id, String::as_str).to_owned()
    }

    /// Applies the rules to the claims of a provider.
    pub fn apply(&self, provider: &str, claims: &Map<String, Value>, policy: &Policy) -> Mapped {
        let mut mapped = Mapped::default();
        let rules = self.rules.iter().filter(|rule| {
            let own = rule.provider.as_deref();
            own.is_none_or(|own| own == provider)
        });
        for rule in rules {
            if let Some(name) = rule.distributed(claims) {
                mapped.notice(Notice::NotInToken(name.to_owned()));
            }
            let organizations = match &rule.organization {
                Organization::Id(id) => vec![id.as_str()],
                Organization::Claim(path) => texts(claims, path),
                Organization::Bound => Vec::new(),
            };
            visit(claims, &rule.claim, Bound::default(), &mut |text, bound| {
                let Some(bound) = rule.value.bind(text, bound) else {
                    return;
                };
                let Some(role) = rule.role.as_deref().or(bound.role) else {
                    return;
                };
                let organizations = organizations.iter().copied().chain(bound.organization);
                for organization in organizations {
                    mapped.grant(organization, role, policy, |id| self.name_of(id));
                }
            });
        }
        for membership in &mut mapped.memberships {
            let place = |role: &String| policy.roles().iter().position(|own| own.name == *role);
            membership.roles.sort_by_key(place);
        }
        mapped
    }
}

/// Texts of others go into a log.
fn shortened(text: &str) -> String {
    text.chars().take(64).collect()
}

impl Rule {
    fn new(number: usize, rule: RuleDocument, policy: &Policy) -> Result<Self, MembershipError> {
        if rule.provider.as_deref().is_some_and(|name| !is_word(name)) {
            let problem = "a provider has the name of one in OIDC_PROVIDERS, or `access`";
            return Err(Place::Provider(number).error(problem));
        }
        let claim = path(&rule.claim).map_err(|problem| Place::Claim(number).error(problem))?;
        let value =
            Pattern::parse(&rule.value).map_err(|problem| Place::Value(number).error(problem))?;
        let count = |slot: Slot| {
            let in_claim =
                |segment: &&Segment| matches!(segment, Segment::Any(own) if *own == slot);
            claim.iter().filter(in_claim).count() + usize::from(value.has(slot))
        };
        let organizations = count(Slot::Organization) + usize::from(rule.organization.is_some());
        let roles = count(Slot::Role) + usize::from(rule.role.is_some());
        let sources = |found: usize, key: &str, slot: Slot| match found {
            0 => Err(Place::Rule(number).error(format!(
                "a rule must say which {key}: add `{key}`, or {} in `value` or `claim`",
                slot.placeholder()
            ))),
            1 => Ok(()),
            _ => Err(Place::Rule(number).error(format!(
                "the {key} is there twice: keep either `{key}` or one {}",
                slot.placeholder()
            ))),
        };
        sources(organizations, "organization", Slot::Organization)?;
        sources(roles, "role", Slot::Role)?;
        let organization = match rule.organization {
            None => Organization::Bound,
            Some(OrganizationDocument::Id(id)) => {
                Organization::Id(id.parse().map_err(|error| {
                    let problem = format!("{id:?} is no id of an organization: {error}");
                    Place::Organization(number).error(problem)
                })?)
            }
            Some(OrganizationDocument::Claim(claim)) => {
                let wrong = |problem| Place::Organization(number).error(problem);
                let claim = path(&claim).map_err(wrong)?;
                if claim
                    .iter()
                    .any(|segment| matches!(segment, Segment::Any(_)))
                {
                    return Err(wrong("this path cannot have placeholders".to_owned()));
                }
                Organization::Claim(claim)
            }
        };
        if let Some(role) = rule
            .role
            .as_deref()
            .filter(|role| policy.role(role).is_none())
        {
            return Err(Place::Role(number).error(format!("the policy has no role {role:?}")));
        }
        if let Some(separator) = value.separator() {
            let has_it = |role: &&super::Role| role.name.contains(separator);
            if let Some(role) = policy.roles().iter().find(has_it) {
                let problem = format!(
                    "the role {:?} contains {separator:?}, so the end of {{organization}} cannot be \
                     found; write rules with `role` in place of {{role}}",
                    role.name
                );
                return Err(Place::Value(number).error(problem));
            }
        }
        Ok(Self {
            provider: rule.provider,
            claim,
            value,
            organization,
            role: rule.role,
        })
    }

    /// The claim that the rule reads, if it is not in the token but must be got from elsewhere
    /// (OpenID Connect Core, section 5.6.2): Microsoft does so with users of more than 200 groups.
    fn distributed(&self, claims: &Map<String, Value>) -> Option<&str> {
        let Some(Segment::Name(name)) = self.claim.first() else {
            return None;
        };
        let elsewhere = claims.get("_claim_names")?.get(name).is_some();
        (elsewhere && !claims.contains_key(name)).then_some(name)
    }
}

fn path(names: &[String]) -> Result<Vec<Segment>, String> {
    if names.is_empty() || names.iter().any(String::is_empty) {
        return Err("a claim is a path like \"realm_access.roles\" without empty parts".into());
    }
    let segments: Vec<_> = names.iter().map(|name| Segment::parse(name)).collect();
    if matches!(segments.first(), Some(Segment::Any(_))) {
        return Err("the first part must be the name of a claim".into());
    }
    Ok(segments)
}

/// Visits every text at a path: texts, the elements of arrays, the names of an object's members. A
/// path leads through arrays too.
fn visit<'a>(
    claims: &'a Map<String, Value>,
    path: &[Segment],
    bound: Bound<'a>,
    found: &mut impl FnMut(&'a str, Bound<'a>),
) {
    match path.split_first() {
        None => claims.keys().for_each(|name| found(name, bound)),
        Some((Segment::Name(name), rest)) => {
            if let Some(value) = claims.get(name) {
                visit_value(value, rest, bound, found);
            }
        }
        Some((Segment::Any(slot), rest)) => {
            for (name, value) in claims {
                visit_value(value, rest, bound.with(*slot, name), found);
            }
        }
    }
}

fn visit_value<'a>(
    value: &'a Value,
    path: &[Segment],
    bound: Bound<'a>,
    found: &mut impl FnMut(&'a str, Bound<'a>),
) {
    match value {
        Value::String(text) if path.is_empty() => found(text, bound),
        Value::Bool(true) if path.is_empty() => found("true", bound),
        Value::Array(all) => {
            for value in all {
                visit_value(value, path, bound, found);
            }
        }
        Value::Object(members) => visit(members, path, bound, found),
        _ => {}
    }
}

fn texts<'a>(claims: &'a Map<String, Value>, path: &[Segment]) -> Vec<&'a str> {
    let mut all = Vec::new();
    visit(claims, path, Bound::default(), &mut |text, _| {
        all.push(text);
    });
    all
}

/// What the claims of a user give them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mapped {
    /// At most [`MAX_ORGANIZATIONS`].
    pub memberships: Vec<MembershipRecord>,
    /// What an operator should know, for the log: why a user has less than expected.
    pub notices: Vec<Notice>,
}

impl Mapped {
    /// Adds a role in an organization, whose display name is asked for if it is new here. What cannot
    /// be added becomes a notice.
    pub fn grant(
        &mut self,
        organization: &str,
        role: &str,
        policy: &Policy,
        name_of: impl FnOnce(&OrganizationId) -> String,
    ) {
        if policy.role(role).is_none() {
            return self.notice(Notice::UnknownRole(shortened(role)));
        }
        let Ok(organization) = organization.parse::<OrganizationId>() else {
            return self.notice(Notice::InvalidOrganization(shortened(organization)));
        };
        let role = role.to_owned();
        let is_full = self.memberships.len() >= MAX_ORGANIZATIONS;
        let known = self
            .memberships
            .iter_mut()
            .find(|known| known.organization == organization);
        match known {
            Some(known) if known.roles.contains(&role) => {}
            Some(known) => known.roles.push(role),
            None if is_full => self.notice(Notice::TooManyOrganizations),
            None => self.memberships.push(MembershipRecord {
                name: name_of(&organization),
                organization,
                roles: vec![role],
            }),
        }
    }

    fn notice(&mut self, notice: Notice) {
        if self.notices.len() < MAX_NOTICES && !self.notices.contains(&notice) {
            self.notices.push(notice);
        }
    }
}

/// Something in a user's claims that gave nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// The policy has no such role.
    UnknownRole(String),
    /// An organization's id cannot have this spelling.
    InvalidOrganization(String),
    /// The user has more than [`MAX_ORGANIZATIONS`].
    TooManyOrganizations,
    /// The provider left this claim out of the token.
    NotInToken(String),
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownRole(role) => write!(
                f,
                "the policy has no role {role:?}: add it, or a rule with `role`"
            ),
            Self::InvalidOrganization(id) => write!(
                f,
                "{id:?} cannot be the id of an organization: add a rule with `organization`"
            ),
            Self::TooManyOrganizations => write!(
                f,
                "only the first {MAX_ORGANIZATIONS} organizations are kept: make the rules narrower"
            ),
            Self::NotInToken(claim) => write!(
                f,
                "the provider left {claim:?} out of the token because it is too long: use another \
                 claim, at Microsoft app roles, or send only groups assigned to the application"
            ),
        }
    }
}

#[cfg(test)]
mod tests;
