//! The form that creates a token, as a state machine.
//!
//! What the user does comes in as events; what a page must draw comes out as a [`View`], whole
//! after every event. There is no rule in here: what was filled in is judged as a whole by
//! [`NewToken::check`], the function that the origin calls, and what it says is what is shown.
//! So the form lets a request pass exactly when the origin would. The origin has the last word
//! all the same; its refusals are shown at their fields like the form's own.
//!
//! Two things are the form's own business: when an error is shown (not before the user has
//! left the field or tried to submit), and what a change of organizations does to the
//! selection. Scopes that the new choice does not offer are set aside and named; they return
//! with the organization that offered them, unless the selection was changed meanwhile.
//!
//! Left out: the words of labels and buttons, dates as the user's locale writes them, and the
//! request itself. They are the page's.

use crate::{
    message::{Message, Refusal, enumerate},
    order::{finds, lower},
};
use patrol::{
    http::api::{CreateToken, Me, owned},
    ids::OrganizationId,
    issue::rules::{self, Field, Lifetime, MAX_NAME_LENGTH, NewToken, Rejection, TokenName},
    policy::{POLICY, Policy, account::Account, scope::ScopeSet},
    time::Timestamp,
};
use serde::Serialize;

/// What the form is made from.
#[derive(Debug, Clone)]
pub struct Input {
    /// The answer of `GET /api/v1/me`.
    pub me: Me,
    /// Active tokens, from `GET /api/v1/tokens`.
    pub active: usize,
    /// How many may be active, from the same answer.
    pub limit: usize,
    /// The time.
    pub now: Timestamp,
    /// Texts of the policy and the page's own words for them: a search finds what is to be seen.
    pub words: Vec<(String, String)>,
}

/// What the user has filled in. It is kept as given, right or wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Draft {
    name: String,
    days: u64,
    organizations: Vec<OrganizationId>,
    /// Selected, whether offered at the moment or not.
    wanted: ScopeSet,
}

/// What can be kept of a form, in names rather than numbers: the policy may be another one
/// when it is read. There is never a secret in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct State {
    /// As typed.
    pub name: String,
    /// As chosen.
    pub days: u64,
    /// Ids of the chosen organizations.
    pub organizations: Vec<String>,
    /// Names of the selected scopes, with those set aside.
    pub scopes: Vec<String>,
    /// As typed.
    pub search: String,
    /// Names of the fields that the user has left.
    pub touched: Vec<String>,
    /// Has the user tried to submit?
    pub submitted: bool,
}

/// The form.
#[derive(Debug)]
pub struct Form {
    account: Account,
    policy: Policy,
    active: usize,
    limit: usize,
    now: Timestamp,
    words: Vec<(String, String)>,
    draft: Draft,
    /// As typed.
    search: String,
    touched: Vec<Field>,
    submitted: bool,
    /// What the origin said about fields that have not changed since.
    refused: Vec<(Field, Message)>,
    /// What the origin said about the request as a whole, until anything changes.
    refusal: Option<Message>,
}

impl Form {
    /// An empty form: the default lifetime, and the first organization, which for most users
    /// is the only one.
    pub fn new(input: Input) -> Self {
        let account = input.me.account();
        Self {
            draft: Draft::new(&account),
            account,
            // The running origin says whether RBAC is on; the tables are the same either way.
            policy: POLICY.with_rbac(input.me.rbac),
            active: input.active,
            limit: input.limit,
            now: input.now,
            words: input.words,
            search: String::new(),
            touched: Vec::new(),
            submitted: false,
            refused: Vec::new(),
            refusal: None,
        }
    }

    /// A form as [`Self::state`] told it, as far as it still fits: organizations that the
    /// user has left and scopes that the policy has lost are gone.
    pub fn from_state(input: Input, state: State) -> Self {
        let mut form = Self::new(input);
        let organizations: Vec<_> = form
            .account
            .memberships
            .iter()
            .map(|membership| &membership.organization)
            .filter(|id| state.organizations.iter().any(|kept| kept == id.as_str()))
            .cloned()
            .collect();
        let lost = organizations.is_empty() && !state.organizations.is_empty();
        if !lost {
            form.draft.organizations = organizations;
        }
        form.draft.name = state.name;
        form.draft.days = state.days;
        form.draft.wanted = form.policy.parse_scopes(&state.scopes.join(" "));
        form.search = state.search;
        form.touched = state
            .touched
            .iter()
            .filter_map(|name| Field::from_name(name))
            .collect();
        form.submitted = state.submitted;
        form
    }

    /// What the user has filled in, to be kept while the user signs in again.
    pub fn state(&self) -> State {
        State {
            name: self.draft.name.clone(),
            days: self.draft.days,
            organizations: self.chosen(),
            scopes: owned(self.policy.scope_names(self.draft.wanted)),
            search: self.search.clone(),
            touched: self.touched.iter().map(|f| f.name().to_owned()).collect(),
            submitted: self.submitted,
        }
    }

    /// The user has typed a name.
    pub fn set_name(&mut self, text: &str) {
        if self.draft.name != text {
            text.clone_into(&mut self.draft.name);
            self.changed(&[Field::Name]);
        }
    }

    /// The user has chosen a lifetime, in days.
    pub fn set_expiry(&mut self, days: u64) {
        if self.draft.days != days {
            self.draft.days = days;
            self.changed(&[Field::Expiry]);
        }
    }

    /// The user has chosen an organization, or taken it out. One that is not the user's
    /// changes nothing.
    pub fn set_organization(&mut self, id: &str, chosen: bool) {
        let Some(membership) = self.account.membership(id) else {
            return;
        };
        let before = self.draft.organizations.len();
        self.draft.organizations.retain(|kept| kept.as_str() != id);
        let was_chosen = self.draft.organizations.len() != before;
        if chosen {
            self.draft
                .organizations
                .push(membership.organization.clone());
        }
        if was_chosen != chosen {
            // What may be granted depends on where.
            self.changed(&[Field::Organizations, Field::Scopes]);
        }
    }

    /// The user has clicked a scope. One that is not offered changes nothing.
    pub fn toggle_scope(&mut self, name: &str) {
        if let Some(index) = self.policy.scope_index(name) {
            self.toggle(ScopeSet::of(index));
        }
    }

    /// The user has clicked a group's name: all that it offers if not all were selected, else
    /// none, also those that a search hides.
    pub fn toggle_group(&mut self, name: &str) {
        let group = self
            .policy
            .offered(self.offered())
            .find(|(group, _)| group.name == name)
            .map(|(_, scopes)| set_of(scopes.iter().map(|(index, _)| *index)));
        if let Some(group) = group {
            self.toggle(group);
        }
    }

    /// All or none of a set, of what is offered.
    fn toggle(&mut self, set: ScopeSet) {
        let set = set.intersection(self.offered());
        if set.is_empty() {
            return;
        }
        let selected = self.selected();
        self.select(if set.is_subset_of(selected) {
            selected.difference(set)
        } else {
            selected.union(set)
        });
    }

    /// The user wants everything that is offered. While a search hides some of it, that is not
    /// touched: nobody grants what is not to be seen.
    pub fn select_all(&mut self) {
        self.select(self.selected().union(self.found()));
    }

    /// The user wants nothing of what is offered and not hidden by a search.
    pub fn select_none(&mut self) {
        self.select(self.selected().difference(self.found()));
    }

    /// A new selection; what an earlier choice of organizations had set aside is forgotten.
    fn select(&mut self, scopes: ScopeSet) {
        if scopes != self.draft.wanted {
            self.draft.wanted = scopes;
            self.changed(&[Field::Scopes]);
        }
    }

    /// The user looks for scopes. It changes what is visible, never what is selected.
    pub fn search(&mut self, text: &str) {
        text.clone_into(&mut self.search);
    }

    /// The user has left a field: from now on its error is shown.
    pub fn touch(&mut self, field: Field) {
        if !self.touched.contains(&field) {
            self.touched.push(field);
        }
    }

    /// The user has tried to submit: from now on every error is shown.
    pub fn submit(&mut self) {
        self.submitted = true;
        self.refusal = None;
    }

    /// The origin has refused what [`Self::request`] gave.
    pub fn reject(&mut self, refusal: &Refusal) {
        self.submitted = true;
        self.refused.clear();
        for error in &refusal.errors {
            if let Some(field) = Field::from_name(&error.field) {
                self.refused.push((field, error.into()));
            }
        }
        let field = refusal.field.as_deref().and_then(Field::from_name);
        match field {
            _ if !self.refused.is_empty() => {}
            Some(field) => self.refused.push((field, refusal.into())),
            None if refusal.code.as_deref() == Some(LIMIT_REACHED) => {
                // Other tokens were made meanwhile; the count that we were told is too low.
                self.active = self.active.max(self.limit);
            }
            None => self.refusal = Some(refusal.into()),
        }
    }

    /// The user starts afresh.
    pub fn reset(&mut self) {
        self.draft = Draft::new(&self.account);
        self.search.clear();
        self.touched.clear();
        self.submitted = false;
        self.refused.clear();
        self.refusal = None;
    }

    /// Time has passed; the dates of expiry move along.
    pub fn set_now(&mut self, now: Timestamp) {
        self.now = now;
    }

    /// The body for `POST /api/v1/tokens`; None while it may not be sent.
    pub fn request(&self) -> Option<CreateToken> {
        (self.has_room() && self.check().is_ok()).then(|| self.filled_in())
    }

    fn changed(&mut self, fields: &[Field]) {
        self.refused.retain(|(field, _)| !fields.contains(field));
        self.refusal = None;
    }

    /// The request that was filled in, right or wrong.
    fn filled_in(&self) -> CreateToken {
        let scopes = if self.policy.rbac {
            owned(self.policy.scope_names(self.selected()))
        } else {
            Vec::new()
        };
        CreateToken {
            name: self.draft.name.clone(),
            expires_in_days: Some(self.draft.days),
            organizations: self.chosen(),
            scopes,
        }
    }

    fn check(&self) -> Result<NewToken, Vec<Rejection>> {
        NewToken::check(&self.filled_in(), &self.account, &self.policy)
    }

    fn has_room(&self) -> bool {
        rules::has_room(self.active, self.limit)
    }

    /// The chosen organizations in the order of the account, so that the order of clicks
    /// does not matter.
    fn chosen(&self) -> Vec<String> {
        self.account
            .memberships
            .iter()
            .map(|membership| &membership.organization)
            .filter(|id| self.draft.organizations.contains(id))
            .map(ToString::to_string)
            .collect()
    }

    /// What can be granted: what the user holds in all of the chosen organizations.
    fn offered(&self) -> ScopeSet {
        self.account
            .scopes_in_all(
                self.draft.organizations.iter().map(OrganizationId::as_str),
                &self.policy,
            )
            .unwrap_or_default()
    }

    fn selected(&self) -> ScopeSet {
        self.draft.wanted.intersection(self.offered())
    }

    /// What the search leaves of what is offered.
    fn found(&self) -> ScopeSet {
        let words: Vec<String> = self.search.split_whitespace().map(lower).collect();
        let mut found = ScopeSet::EMPTY;
        for (group, scopes) in self.policy.offered(self.offered()) {
            for (index, scope) in scopes {
                let mut texts = vec![group.name, scope.name, scope.label, scope.description];
                for (text, own) in &self.words {
                    if texts.contains(&text.as_str()) {
                        texts.push(own);
                    }
                }
                if finds(&words, &texts) {
                    found = found.union(ScopeSet::of(index));
                }
            }
        }
        found
    }

    /// What a page draws.
    pub fn view(&self) -> View {
        let rejections = self.check().err().unwrap_or_default();
        let limit = LimitView {
            active: self.active,
            limit: self.limit,
            reached: !self.has_room(),
        };
        let mut blockers: Vec<Message> = limit
            .reached
            .then(|| self.limit_reached())
            .into_iter()
            .collect();
        blockers.extend(rejections.iter().map(|rejection| self.explain(rejection)));
        let error = |field| self.error(field, &rejections);
        let length = TokenName::length(&self.draft.name);
        View {
            name: NameView {
                error: error(Field::Name),
                value: self.draft.name.clone(),
                length,
                left: signed(MAX_NAME_LENGTH) - signed(length),
            },
            expiry: ExpiryView {
                error: error(Field::Expiry),
                days: self.draft.days,
                expires_at: Lifetime::from_days(self.draft.days)
                    .ok()
                    .map(|lifetime| lifetime.expiry(self.now)),
                choices: Lifetime::ALL.map(|lifetime| ExpiryChoice {
                    days: lifetime.days(),
                    expires_at: lifetime.expiry(self.now),
                    is_default: lifetime == Lifetime::default(),
                }),
            },
            organizations: self.organizations_view(error(Field::Organizations)),
            scopes: self
                .policy
                .rbac
                .then(|| self.scopes_view(error(Field::Scopes))),
            summary: self.summary(),
            can_submit: blockers.is_empty(),
            blockers,
            refusal: self.refusal.clone(),
            limit,
            changed: self.draft != Draft::new(&self.account),
        }
    }

    fn organizations_view(&self, error: Option<Message>) -> OrganizationsView {
        let role_label = |name: &String| {
            let role = self.policy.role(name);
            role.map_or(name.as_str(), |role| role.label).to_owned()
        };
        let choices: Vec<_> = self
            .account
            .memberships
            .iter()
            .map(|membership| OrganizationChoice {
                id: membership.organization.to_string(),
                name: membership.name.clone(),
                roles: membership.roles.iter().map(role_label).collect(),
                chosen: self.draft.organizations.contains(&membership.organization),
            })
            .collect();
        OrganizationsView {
            error,
            several: choices.len() > 1,
            choices,
        }
    }

    fn scopes_view(&self, error: Option<Message>) -> ScopesView {
        let offered = self.offered();
        let selected = self.selected();
        let found = self.found();
        let groups = self
            .policy
            .offered(offered)
            .map(|(group, scopes)| {
                let all = set_of(scopes.iter().map(|(index, _)| *index));
                let inside = all.intersection(selected);
                let scopes: Vec<_> = scopes
                    .into_iter()
                    .map(|(index, scope)| ScopeView {
                        name: scope.name,
                        label: scope.label,
                        description: scope.description,
                        selected: selected.contains(index),
                        visible: found.contains(index),
                    })
                    .collect();
                GroupView {
                    name: group.name,
                    color: group.color,
                    state: if inside.is_empty() {
                        Ticked::None
                    } else if inside == all {
                        Ticked::All
                    } else {
                        Ticked::Some
                    },
                    selected: inside.len(),
                    total: all.len(),
                    visible: scopes.iter().any(|scope| scope.visible),
                    scopes,
                }
            })
            .collect();
        let mut dropped = Vec::new();
        for (_, scopes) in self.policy.offered(self.draft.wanted.difference(offered)) {
            dropped.extend(scopes.iter().map(|(_, scope)| scope.label));
        }
        ScopesView {
            error,
            selected: selected.len(),
            total: offered.len(),
            groups,
            dropped,
            search: self.search.clone(),
        }
    }

    /// The error to show at a field: the rule that is broken, else what the origin said.
    fn error(&self, field: Field, rejections: &[Rejection]) -> Option<Message> {
        let shown = self.submitted || self.touched.contains(&field);
        let broken = rejections
            .iter()
            .find(|rejection| rejection.field() == field);
        match broken {
            Some(rejection) if shown => Some(self.explain(rejection)),
            _ => self
                .refused
                .iter()
                .find(|(refused, _)| *refused == field)
                .map(|(_, message)| message.clone()),
        }
    }

    /// A broken rule in words. Where there is nothing to choose from, "choose" would be no help.
    fn explain(&self, rejection: &Rejection) -> Message {
        match rejection {
            Rejection::OrganizationMissing if self.account.memberships.is_empty() => Message::new(
                "organization-none",
                "You are not a member of any organization, so a token could do nothing. Ask an administrator to add you to one.",
            ),
            Rejection::ScopesMissing if self.offered().is_empty() => Message::new(
                "scopes-none-offered",
                if self.draft.organizations.len() > 1 {
                    "There is no permission that you have in all of the chosen organizations. Choose fewer organizations."
                } else {
                    "Your roles in this organization give you no permission that a token could have."
                },
            )
            .with("organizations", self.draft.organizations.len()),
            _ => rejection.into(),
        }
    }

    fn limit_reached(&self) -> Message {
        Message::new(
            "limit-reached",
            format!(
                "Revoke one of your {} active tokens, or wait until one expires; {} may be active.",
                self.active, self.limit
            ),
        )
        .with("active", self.active)
        .with("limit", self.limit)
    }

    /// What the token will be able to do, where, and until when, as far as it is known yet.
    fn summary(&self) -> Vec<Message> {
        let mut summary = Vec::new();
        let names: Vec<String> = self
            .account
            .memberships
            .iter()
            .filter(|membership| self.draft.organizations.contains(&membership.organization))
            .map(|membership| membership.name.clone())
            .collect();
        if !names.is_empty() {
            summary.push(
                Message::new(
                    "summary-organizations",
                    format!("It acts in {}.", enumerate(&names)),
                )
                .with("organizations", names),
            );
        }
        if self.policy.rbac {
            summary.extend(self.policy.offered(self.selected()).map(|(group, scopes)| {
                let labels: Vec<String> = scopes
                    .iter()
                    .map(|(_, scope)| scope.label.to_owned())
                    .collect();
                Message::new(
                    "summary-scopes",
                    format!("{}: {}.", group.name, labels.join(", ")),
                )
                .with("group", group.name)
                .with("scopes", labels)
            }));
            if self.selected().is_empty() {
                summary.push(Message::new(
                    "summary-nothing",
                    "It can do nothing yet: no permission is selected.",
                ));
            }
        } else {
            summary.push(Message::new(
                "summary-full-access",
                "It can do everything that your account can.",
            ));
        }
        if let Ok(lifetime) = Lifetime::from_days(self.draft.days) {
            let time = lifetime.expiry(self.now).to_string();
            summary.push(
                Message::new(
                    "summary-until",
                    format!(
                        "It works for {} days, until {}.",
                        self.draft.days,
                        in_utc(&time)
                    ),
                )
                .with("days", self.draft.days)
                .with("time", time.as_str()),
            );
        }
        summary
    }
}

impl Draft {
    fn new(account: &Account) -> Self {
        let first = account.memberships.first();
        Self {
            name: String::new(),
            days: u64::from(Lifetime::default().days()),
            organizations: first
                .map(|membership| membership.organization.clone())
                .into_iter()
                .collect(),
            wanted: ScopeSet::EMPTY,
        }
    }
}

/// The code of the origin's refusal when others than this form have used up the limit.
const LIMIT_REACHED: &str = "token-limit-reached";

fn set_of(scopes: impl Iterator<Item = usize>) -> ScopeSet {
    scopes.fold(ScopeSet::EMPTY, |set, index| set.union(ScopeSet::of(index)))
}

fn signed(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// "2026-11-24 12:00 UTC" for a time in RFC 3339.
fn in_utc(time: &str) -> String {
    let minutes = time.get(..16).unwrap_or(time);
    format!("{} UTC", minutes.replace('T', " "))
}

/// What a page draws of the form.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct View {
    /// The name.
    pub name: NameView,
    /// The lifetime.
    pub expiry: ExpiryView,
    /// Where.
    pub organizations: OrganizationsView,
    /// What; null when RBAC is off.
    pub scopes: Option<ScopesView>,
    /// Plain sentences: what the token will be able to do, where and until when.
    pub summary: Vec<Message>,
    /// May [`Form::request`] be sent?
    pub can_submit: bool,
    /// If not, why. Never empty then.
    pub blockers: Vec<Message>,
    /// A refusal by the origin that is about no field.
    pub refusal: Option<Message>,
    /// How many tokens there may be.
    pub limit: LimitView,
    /// Would something that was filled in be lost with the form?
    pub changed: bool,
}

/// The name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NameView {
    /// To be shown at the field.
    pub error: Option<Message>,
    /// As typed.
    pub value: String,
    /// Characters, as the rule counts them.
    pub length: usize,
    /// Characters that may still be typed; negative: too many.
    pub left: i64,
}

/// The lifetime.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ExpiryView {
    /// To be shown at the field.
    pub error: Option<Message>,
    /// As chosen.
    pub days: u64,
    /// If the token were made now; null when the choice is none of the lifetimes.
    pub expires_at: Option<Timestamp>,
    /// All lifetimes.
    pub choices: [ExpiryChoice; Lifetime::ALL.len()],
}

/// One lifetime.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ExpiryChoice {
    /// Whole days.
    pub days: u16,
    /// If the token were made now.
    pub expires_at: Timestamp,
    /// Is it the one of an empty form?
    pub is_default: bool,
}

/// Where the token will act.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OrganizationsView {
    /// To be shown at the field.
    pub error: Option<Message>,
    /// Is there a choice at all?
    pub several: bool,
    /// The user's organizations.
    pub choices: Vec<OrganizationChoice>,
}

/// One organization.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OrganizationChoice {
    /// For programs.
    pub id: String,
    /// For people.
    pub name: String,
    /// Labels of the user's roles there.
    pub roles: Vec<String>,
    /// Is it chosen?
    pub chosen: bool,
}

/// What the token will be able to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ScopesView {
    /// To be shown at the field.
    pub error: Option<Message>,
    /// Selected scopes.
    pub selected: usize,
    /// Scopes that the chosen organizations offer.
    pub total: usize,
    /// In display order; a group that offers nothing is left out.
    pub groups: Vec<GroupView>,
    /// Labels of scopes that were selected and that the chosen organizations do not offer.
    pub dropped: Vec<&'static str>,
    /// As typed.
    pub search: String,
}

/// A group of scopes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GroupView {
    /// Heading, and key for [`Form::toggle_group`].
    pub name: &'static str,
    /// Key of the badge color.
    pub color: &'static str,
    /// For the box at the heading.
    pub state: Ticked,
    /// Selected scopes.
    pub selected: usize,
    /// Offered scopes.
    pub total: usize,
    /// Does the search find any of it?
    pub visible: bool,
    /// In display order.
    pub scopes: Vec<ScopeView>,
}

/// How much of a group is selected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Ticked {
    /// Nothing.
    None,
    /// Not all.
    Some,
    /// All that is offered.
    All,
}

/// A scope.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ScopeView {
    /// `resource:action`, and key for [`Form::toggle_scope`].
    pub name: &'static str,
    /// A few words.
    pub label: &'static str,
    /// One sentence.
    pub description: &'static str,
    /// Is it selected?
    pub selected: bool,
    /// Does the search find it?
    pub visible: bool,
}

/// How many tokens there are and may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct LimitView {
    /// Active tokens.
    pub active: usize,
    /// How many may be active.
    pub limit: usize,
    /// Is there no room for one more?
    pub reached: bool,
}
