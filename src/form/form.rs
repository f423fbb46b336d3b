//! The form that creates a token, as a state machine.
//!
//! Each user action is a method, and [`Form::view`] returns everything a page must draw. The form
//! has no rules of its own: [`NewToken::check`], which the origin calls too, validates the whole
//! request, and its rejections are what the user sees. So the form allows a request exactly when
//! the origin would accept it. The origin still decides, and the form shows its errors at their
//! fields like its own.
//!
//! The form itself decides two things. It shows an error only once the user has left the field or
//! tried to submit. And when the user changes the organizations, it sets aside and names the
//! selected scopes that are no longer offered; they come back with their organization unless the
//! user changes the selection first.
//!
//! The page adds labels, localized dates and the HTTP request.

use crate::message::{ServerProblem, UserMessage, enumerate};
use patrol::{
    http::api::{CreateToken, Me, owned},
    ids::OrganizationId,
    issue::rules::{self, Field, Lifetime, MAX_NAME_LENGTH, NewToken, Rejection, TokenName},
    listing::{contain_all, lowercase},
    policy::{Policy, account::Account, scope::ScopeSet},
    time::Timestamp,
};
use serde::Serialize;

/// Everything a form needs to start.
#[derive(Debug, Clone)]
pub struct FormInput {
    /// The response of `GET /api/v1/me`.
    pub me: Me,
    /// The number of active tokens, from `GET /api/v1/tokens`.
    pub active: usize,
    /// The maximum number of active tokens, from the same response.
    pub limit: usize,
    /// The current time.
    pub now: Timestamp,
    /// The policy's texts with the page's translations, so that a search finds the translations.
    pub words: Vec<(String, String)>,
}

/// The user's entries, valid or not.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Draft {
    name: String,
    days: u64,
    organizations: Vec<OrganizationId>,
    /// All selected scopes, including those that the chosen organizations do not offer.
    selected: ScopeSet,
}

/// A form that can be stored and restored. It uses names, not indexes, because the policy may have
/// changed by then. It never holds a secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FormState {
    /// The name as typed.
    pub name: String,
    /// The lifetime in days.
    pub days: u64,
    /// The ids of the chosen organizations.
    pub organizations: Vec<String>,
    /// The names of the selected scopes, including those set aside.
    pub scopes: Vec<String>,
    /// The search as typed.
    pub search: String,
    /// The names of the fields that the user has left.
    pub touched: Vec<String>,
    /// Whether the user has tried to submit.
    pub submitted: bool,
}

/// The form that creates a token.
#[derive(Debug)]
pub struct Form {
    account: Account,
    policy: Policy,
    role_labels: Vec<(String, String)>,
    active: usize,
    limit: usize,
    now: Timestamp,
    words: Vec<(String, String)>,
    draft: Draft,
    search: String,
    touched: Vec<Field>,
    submitted: bool,
    /// The origin's errors at fields that have not changed since.
    field_errors: Vec<(Field, UserMessage)>,
    /// The origin's error about the whole request, until anything changes.
    request_error: Option<UserMessage>,
}

impl Form {
    /// An empty form with the default lifetime and the user's first organization, which for most
    /// users is the only one.
    pub fn new(input: FormInput) -> Self {
        let policy = input.me.policy();
        let account = input.me.account(&policy);
        Self {
            draft: Draft::new(&account),
            account,
            policy,
            role_labels: input.me.role_labels,
            active: input.active,
            limit: input.limit,
            now: input.now,
            words: input.words,
            search: String::new(),
            touched: Vec::new(),
            submitted: false,
            field_errors: Vec::new(),
            request_error: None,
        }
    }

    /// Restores a form from [`Self::state`], without organizations that the user has left and
    /// scopes that the policy no longer has.
    pub fn from_state(input: FormInput, state: FormState) -> Self {
        let mut form = Self::new(input);
        let organizations: Vec<_> = form
            .account
            .memberships
            .iter()
            .map(|membership| &membership.organization)
            .filter(|id| {
                state
                    .organizations
                    .iter()
                    .any(|chosen| chosen == id.as_str())
            })
            .cloned()
            .collect();
        let left_all = organizations.is_empty() && !state.organizations.is_empty();
        if !left_all {
            form.draft.organizations = organizations;
        }
        form.draft.name = state.name;
        form.draft.days = state.days;
        form.draft.selected = form.policy.parse_scopes(&state.scopes.join(" "));
        form.search = state.search;
        form.touched = state
            .touched
            .iter()
            .filter_map(|name| Field::from_name(name))
            .collect();
        form.submitted = state.submitted;
        form
    }

    /// The form's state, for [`Self::from_state`] after the user has signed in again.
    pub fn state(&self) -> FormState {
        FormState {
            name: self.draft.name.clone(),
            days: self.draft.days,
            organizations: self.chosen(),
            scopes: owned(self.policy.scope_names(self.draft.selected)),
            search: self.search.clone(),
            touched: self.touched.iter().map(|f| f.name().to_owned()).collect(),
            submitted: self.submitted,
        }
    }

    /// Sets the name.
    pub fn set_name(&mut self, text: &str) {
        if self.draft.name != text {
            text.clone_into(&mut self.draft.name);
            self.changed(&[Field::Name]);
        }
    }

    /// Sets the lifetime in days.
    pub fn set_expiry(&mut self, days: u64) {
        if self.draft.days != days {
            self.draft.days = days;
            self.changed(&[Field::Expiry]);
        }
    }

    /// Chooses or removes an organization. Ignores organizations that the user is not a member of.
    pub fn set_organization(&mut self, id: &str, chosen: bool) {
        let Some(membership) = self.account.membership(id) else {
            return;
        };
        let before = self.draft.organizations.len();
        self.draft
            .organizations
            .retain(|other| other.as_str() != id);
        let was_chosen = self.draft.organizations.len() != before;
        if chosen {
            self.draft
                .organizations
                .push(membership.organization.clone());
        }
        if was_chosen != chosen {
            // The organizations determine which scopes are offered.
            self.changed(&[Field::Organizations, Field::Scopes]);
        }
    }

    /// Selects or clears a scope. Ignores scopes that are not offered.
    pub fn toggle_scope(&mut self, name: &str) {
        if let Some(index) = self.policy.scope_index(name) {
            self.toggle(ScopeSet::of(index));
        }
    }

    /// Selects all offered scopes of a group, or clears them if all are selected. A search does
    /// not limit this.
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

    /// Selects the offered scopes of a set, or clears them if all are selected.
    fn toggle(&mut self, set: ScopeSet) {
        let set = set.intersection(self.offered());
        if set.is_empty() {
            return;
        }
        let selected = self.selected();
        self.set_selected(if set.is_subset_of(selected) {
            selected.difference(set)
        } else {
            selected.union(set)
        });
    }

    /// Selects every visible scope. Scopes that a search hides stay as they are, so nobody grants a
    /// scope without seeing it.
    pub fn select_all(&mut self) {
        self.set_selected(self.selected().union(self.found()));
    }

    /// Clears every visible scope.
    pub fn select_none(&mut self) {
        self.set_selected(self.selected().difference(self.found()));
    }

    /// Replaces the selection and forgets the scopes that were set aside.
    fn set_selected(&mut self, scopes: ScopeSet) {
        if scopes != self.draft.selected {
            self.draft.selected = scopes;
            self.changed(&[Field::Scopes]);
        }
    }

    /// Searches the scopes. This changes which are visible, never which are selected.
    pub fn search(&mut self, text: &str) {
        text.clone_into(&mut self.search);
    }

    /// Notes that the user has left a field: from now on, its error is shown.
    pub fn touch(&mut self, field: Field) {
        if !self.touched.contains(&field) {
            self.touched.push(field);
        }
    }

    /// Notes that the user has tried to submit: from now on, every error is shown.
    pub fn submit(&mut self) {
        self.submitted = true;
        self.request_error = None;
    }

    /// Shows the origin's error for the last [`Self::request`].
    pub fn reject(&mut self, problem: &ServerProblem) {
        self.submitted = true;
        self.field_errors.clear();
        for error in &problem.errors {
            if let Some(field) = Field::from_name(&error.field) {
                self.field_errors.push((field, error.into()));
            }
        }
        let field = problem.field.as_deref().and_then(Field::from_name);
        match field {
            _ if !self.field_errors.is_empty() => {}
            Some(field) => self.field_errors.push((field, problem.into())),
            None if problem.code.as_deref() == Some(LIMIT_REACHED) => {
                // Tokens were created elsewhere since we got the count.
                self.active = self.active.max(self.limit);
            }
            None => self.request_error = Some(problem.into()),
        }
    }

    /// Empties the form.
    pub fn reset(&mut self) {
        self.draft = Draft::new(&self.account);
        self.search.clear();
        self.touched.clear();
        self.submitted = false;
        self.field_errors.clear();
        self.request_error = None;
    }

    /// Sets the current time, from which the expiration dates are computed.
    pub fn set_now(&mut self, now: Timestamp) {
        self.now = now;
    }

    /// The body for `POST /api/v1/tokens`, or `None` if the origin would reject it.
    pub fn request(&self) -> Option<CreateToken> {
        (self.has_room() && self.check().is_ok()).then(|| self.unchecked_request())
    }

    fn changed(&mut self, fields: &[Field]) {
        self.field_errors
            .retain(|(field, _)| !fields.contains(field));
        self.request_error = None;
    }

    fn unchecked_request(&self) -> CreateToken {
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
        NewToken::check(&self.unchecked_request(), &self.account, &self.policy)
    }

    fn has_room(&self) -> bool {
        rules::has_room(self.active, self.limit)
    }

    /// The chosen organizations in the account's order, so the order of clicks does not matter.
    fn chosen(&self) -> Vec<String> {
        self.account
            .memberships
            .iter()
            .map(|membership| &membership.organization)
            .filter(|id| self.draft.organizations.contains(id))
            .map(ToString::to_string)
            .collect()
    }

    /// The scopes that the user holds in all chosen organizations.
    fn offered(&self) -> ScopeSet {
        self.account
            .scopes_in_all(self.draft.organizations.iter().map(OrganizationId::as_str))
            .unwrap_or_default()
    }

    fn selected(&self) -> ScopeSet {
        self.draft.selected.intersection(self.offered())
    }

    /// The offered scopes that match the search.
    fn found(&self) -> ScopeSet {
        let words: Vec<String> = self.search.split_whitespace().map(lowercase).collect();
        let mut found = ScopeSet::EMPTY;
        for (group, scopes) in self.policy.offered(self.offered()) {
            for (index, scope) in scopes {
                let mut texts = vec![
                    group.name.as_str(),
                    &scope.name,
                    &scope.label,
                    &scope.description,
                ];
                for (text, translation) in &self.words {
                    if texts.contains(&text.as_str()) {
                        texts.push(translation);
                    }
                }
                if contain_all(&texts, &words) {
                    found = found.union(ScopeSet::of(index));
                }
            }
        }
        found
    }

    /// Everything a page draws.
    pub fn view(&self) -> FormView {
        let rejections = self.check().err().unwrap_or_default();
        let limit = LimitView {
            active: self.active,
            limit: self.limit,
            reached: !self.has_room(),
        };
        let mut blockers: Vec<UserMessage> = limit
            .reached
            .then(|| self.limit_reached())
            .into_iter()
            .collect();
        blockers.extend(rejections.iter().map(|rejection| self.explain(rejection)));
        let error = |field| self.error(field, &rejections);
        let length = TokenName::length(&self.draft.name);
        FormView {
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
            error: self.request_error.clone(),
            limit,
            changed: self.draft != Draft::new(&self.account),
        }
    }

    fn organizations_view(&self, error: Option<UserMessage>) -> OrganizationsView {
        let role_label = |name: &String| {
            let labels = &mut self.role_labels.iter();
            let found = labels.find(|(role, _)| role == name);
            found.map_or(name, |(_, label)| label).clone()
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

    fn scopes_view(&self, error: Option<UserMessage>) -> ScopesView {
        let offered = self.offered();
        let selected = self.selected();
        let found = self.found();
        let groups = self
            .policy
            .offered(offered)
            .map(|(group, scopes)| {
                let all = set_of(scopes.iter().map(|(index, _)| *index));
                let chosen = all.intersection(selected);
                let scopes: Vec<_> = scopes
                    .into_iter()
                    .map(|(index, scope)| ScopeView {
                        name: scope.name.clone(),
                        label: scope.label.clone(),
                        description: scope.description.clone(),
                        selected: selected.contains(index),
                        visible: found.contains(index),
                    })
                    .collect();
                GroupView {
                    name: group.name.clone(),
                    color: group.color.clone(),
                    state: if chosen.is_empty() {
                        GroupSelection::None
                    } else if chosen == all {
                        GroupSelection::All
                    } else {
                        GroupSelection::Some
                    },
                    selected: chosen.len(),
                    total: all.len(),
                    visible: scopes.iter().any(|scope| scope.visible),
                    scopes,
                }
            })
            .collect();
        let mut dropped = Vec::new();
        for (_, scopes) in self.policy.offered(self.draft.selected.difference(offered)) {
            dropped.extend(scopes.iter().map(|(_, scope)| scope.label.clone()));
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

    /// The error to show at a field: the form's own, or else the origin's.
    fn error(&self, field: Field, rejections: &[Rejection]) -> Option<UserMessage> {
        let is_shown = self.submitted || self.touched.contains(&field);
        let rejection = rejections
            .iter()
            .find(|rejection| rejection.field() == field);
        match rejection {
            Some(rejection) if is_shown => Some(self.explain(rejection)),
            _ => self
                .field_errors
                .iter()
                .find(|(other, _)| *other == field)
                .map(|(_, message)| message.clone()),
        }
    }

    /// A rejection in words. If the user has nothing to choose from, the message says so instead of
    /// asking for a choice.
    fn explain(&self, rejection: &Rejection) -> UserMessage {
        match rejection {
            Rejection::OrganizationMissing if self.account.memberships.is_empty() => {
                UserMessage::new(
                    "organization-none",
                    "You are not a member of any organization. Ask an administrator to add you to one.",
                )
            }
            Rejection::ScopesMissing if self.offered().is_empty() => UserMessage::new(
                "scopes-none-offered",
                if self.draft.organizations.len() > 1 {
                    "You have no permission that applies in all of these organizations. Choose fewer."
                } else {
                    "You have no permissions in this organization. Choose another one."
                },
            )
            .with("organizations", self.draft.organizations.len()),
            _ => rejection.into(),
        }
    }

    fn limit_reached(&self) -> UserMessage {
        UserMessage::new(
            "limit-reached",
            format!(
                "You have {} active tokens; the limit is {}. Revoke one or wait until one expires.",
                self.active, self.limit
            ),
        )
        .with("active", self.active)
        .with("limit", self.limit)
    }

    /// What the token will allow, in which organizations and until when.
    fn summary(&self) -> Vec<UserMessage> {
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
                UserMessage::new(
                    "summary-organizations",
                    format!("Works in {}.", enumerate(&names)),
                )
                .with("organizations", names),
            );
        }
        if self.policy.rbac {
            summary.extend(self.policy.offered(self.selected()).map(|(group, scopes)| {
                let labels: Vec<String> = scopes
                    .iter()
                    .map(|(_, scope)| scope.label.clone())
                    .collect();
                UserMessage::new(
                    "summary-scopes",
                    format!("{}: {}.", group.name, labels.join(", ")),
                )
                .with("group", group.name.as_str())
                .with("scopes", labels)
            }));
            if self.selected().is_empty() {
                summary.push(UserMessage::new(
                    "summary-nothing",
                    "No permissions selected yet.",
                ));
            }
        } else {
            summary.push(UserMessage::new(
                "summary-full-access",
                "Has the full access of your account.",
            ));
        }
        if let Ok(lifetime) = Lifetime::from_days(self.draft.days) {
            let time = lifetime.expiry(self.now).to_string();
            summary.push(
                UserMessage::new(
                    "summary-until",
                    format!("Expires in {} days, on {}.", self.draft.days, in_utc(&time)),
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
            selected: ScopeSet::EMPTY,
        }
    }
}

/// The origin's error code when the user already has the maximum number of active tokens.
const LIMIT_REACHED: &str = "token-limit-reached";

fn set_of(scopes: impl Iterator<Item = usize>) -> ScopeSet {
    scopes.fold(ScopeSet::EMPTY, |set, index| set.union(ScopeSet::of(index)))
}

fn signed(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// Turns an RFC 3339 time into "2026-11-24 12:00 UTC".
fn in_utc(time: &str) -> String {
    let minutes = time.get(..16).unwrap_or(time);
    format!("{} UTC", minutes.replace('T', " "))
}

/// Everything a page draws of the form.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FormView {
    /// The name field.
    pub name: NameView,
    /// The expiration field.
    pub expiry: ExpiryView,
    /// The organizations field.
    pub organizations: OrganizationsView,
    /// The permissions; `None` if RBAC is off.
    pub scopes: Option<ScopesView>,
    /// What the token will allow, in which organizations and until when, in short sentences.
    pub summary: Vec<UserMessage>,
    /// Whether [`Form::request`] returns a request.
    pub can_submit: bool,
    /// Why the form cannot be submitted; empty if and only if it can.
    pub blockers: Vec<UserMessage>,
    /// An error from the origin that concerns no single field.
    pub error: Option<UserMessage>,
    /// The number of active tokens and its limit.
    pub limit: LimitView,
    /// Whether closing the form would lose the user's entries.
    pub changed: bool,
}

/// The name field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NameView {
    /// The error to show at the field.
    pub error: Option<UserMessage>,
    /// The name as typed.
    pub value: String,
    /// The length in characters, as [`TokenName::length`] counts them.
    pub length: usize,
    /// How many more characters fit; negative if the name is too long.
    pub left: i64,
}

/// The expiration field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ExpiryView {
    /// The error to show at the field.
    pub error: Option<UserMessage>,
    /// The lifetime in days.
    pub days: u64,
    /// When a token created now would expire; `None` if `days` is not one of the choices.
    pub expires_at: Option<Timestamp>,
    /// All lifetimes.
    pub choices: [ExpiryChoice; Lifetime::ALL.len()],
}

/// One lifetime.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ExpiryChoice {
    /// The lifetime in days.
    pub days: u16,
    /// When a token created now would expire.
    pub expires_at: Timestamp,
    /// Whether an empty form starts with it.
    pub is_default: bool,
}

/// The organizations field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OrganizationsView {
    /// The error to show at the field.
    pub error: Option<UserMessage>,
    /// Whether there is more than one to choose from.
    pub several: bool,
    /// The user's organizations.
    pub choices: Vec<OrganizationChoice>,
}

/// One organization.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OrganizationChoice {
    /// The key for [`Form::set_organization`].
    pub id: String,
    /// The display name.
    pub name: String,
    /// The labels of the user's roles there.
    pub roles: Vec<String>,
    /// Whether the user has chosen it.
    pub chosen: bool,
}

/// The permissions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ScopesView {
    /// The error to show at the permissions.
    pub error: Option<UserMessage>,
    /// The number of selected scopes.
    pub selected: usize,
    /// The number of scopes that the chosen organizations offer.
    pub total: usize,
    /// The groups with at least one offered scope, in display order.
    pub groups: Vec<GroupView>,
    /// The labels of selected scopes that the chosen organizations do not offer.
    pub dropped: Vec<String>,
    /// The search as typed.
    pub search: String,
}

/// A group of scopes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GroupView {
    /// The heading, and the key for [`Form::toggle_group`].
    pub name: String,
    /// The key of the badge color.
    pub color: String,
    /// The state of the checkbox at the heading.
    pub state: GroupSelection,
    /// The number of selected scopes.
    pub selected: usize,
    /// The number of offered scopes.
    pub total: usize,
    /// Whether the search matches at least one scope.
    pub visible: bool,
    /// The offered scopes, in display order.
    pub scopes: Vec<ScopeView>,
}

/// How many scopes of a group are selected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum GroupSelection {
    /// None of them.
    None,
    /// At least one, but not all.
    Some,
    /// All that are offered.
    All,
}

/// A scope.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ScopeView {
    /// `resource:action`, and the key for [`Form::toggle_scope`].
    pub name: String,
    /// A few words.
    pub label: String,
    /// One sentence.
    pub description: String,
    /// Whether the user has selected it.
    pub selected: bool,
    /// Whether it matches the search.
    pub visible: bool,
}

/// The number of active tokens and its limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct LimitView {
    /// The number of active tokens.
    pub active: usize,
    /// The maximum number of active tokens.
    pub limit: usize,
    /// Whether another token would exceed the limit.
    pub reached: bool,
}
