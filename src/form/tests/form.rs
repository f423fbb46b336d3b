//! The form as a state machine: examples, and properties that hold after any sequence of user
//! actions. A simple model of the form, sets of names, says what the properties expect.

use patrol::{
    http::api::Me,
    issue::rules::{Field, Lifetime, MAX_NAME_LENGTH, NewToken},
    policy::{Policy, account::Account},
    time::Timestamp,
};
use patrol_form::{
    form::{Form, FormInput, FormState, FormView, GroupSelection},
    message::{ServerFieldError, ServerProblem},
};
use patrol_policy::example;
use proptest::{prelude::*, sample::select};
use serde_json::json;
use std::collections::BTreeSet;

const NOW: Timestamp = Timestamp::from_seconds(2_000_000_000);

/// An admin in acme, a viewer in globex, and a member without roles in initech.
fn input() -> FormInput {
    let scopes = |role: &str| {
        let role = example().role(role).unwrap();
        example().scope_names(role.scopes)
    };
    let account = json!({
        "id": "ada", "name": "Ada", "email": "ada@example.com", "rbac": true,
        "groups": example().groups(),
        "role_labels": { "admin": "Admin", "viewer": "Viewer" },
        "organizations": [
            { "id": "acme", "name": "Acme", "roles": ["admin"], "scopes": scopes("admin") },
            { "id": "globex", "name": "Globex", "roles": ["viewer"], "scopes": scopes("viewer") },
            { "id": "initech", "name": "Initech", "roles": [], "scopes": [] },
        ],
    });
    let me: Me = serde_json::from_value(account).unwrap();
    FormInput {
        me,
        active: 0,
        limit: 50,
        now: NOW,
        words: Vec::new(),
    }
}

fn without_rbac() -> FormInput {
    let mut input = input();
    input.me.rbac = false;
    input
}

/// A scope of the policy by its name in a view, which does not live as long.
fn scope(name: &str) -> &'static str {
    let index = example().scope_index(name).unwrap();
    &example().scopes().nth(index).unwrap().name
}

fn selected(view: &FormView) -> BTreeSet<&'static str> {
    let groups = view.scopes.iter().flat_map(|scopes| &scopes.groups);
    groups
        .flat_map(|group| &group.scopes)
        .filter(|scope| scope.selected)
        .map(|one| scope(&one.name))
        .collect()
}

fn codes(view: &FormView) -> Vec<&str> {
    view.blockers
        .iter()
        .map(|message| message.code.as_ref())
        .collect()
}

#[test]
fn empty_form_shows_no_error_and_says_what_is_missing() {
    let view = Form::new(input()).view();
    assert!(!view.can_submit);
    assert_eq!(codes(&view), ["name-missing", "scopes-missing"]);
    assert_eq!(view.name.error, None);
    assert_eq!(view.expiry.days, 90);
    let scopes = view.scopes.unwrap();
    assert_eq!((scopes.selected, scopes.total, scopes.error), (0, 23, None));
}

#[test]
fn form_shows_an_error_once_the_user_has_left_the_field() {
    let mut form = Form::new(input());
    form.touch(Field::Name);
    let view = form.view();
    assert_eq!(view.name.error.unwrap().code, "name-missing");
    assert_eq!(view.scopes.unwrap().error, None);
    form.set_name("x");
    assert_eq!(form.view().name.error, None);
}

#[test]
fn form_shows_every_error_once_the_user_has_tried_to_submit() {
    let mut form = Form::new(input());
    form.submit();
    let view = form.view();
    assert!(view.name.error.is_some());
    assert!(view.scopes.unwrap().error.is_some());
}

#[test]
fn name_length_counts_characters() {
    let mut form = Form::new(input());
    form.set_name(&"é".repeat(300));
    let view = form.view();
    assert_eq!((view.name.length, view.name.left), (300, -45));
    assert!(codes(&view).contains(&"name-too-long"));
}

#[test]
fn form_sets_aside_scopes_that_an_organization_does_not_offer() {
    let mut form = Form::new(input());
    form.toggle_scope("pipelines:read");
    form.toggle_scope("pipelines:delete");
    form.set_organization("globex", true);
    let view = form.view();
    assert_eq!(selected(&view), ["pipelines:read"].into());
    assert_eq!(view.scopes.unwrap().dropped, ["Delete pipelines"]);
    form.set_organization("globex", false);
    assert_eq!(
        selected(&form.view()),
        ["pipelines:delete", "pipelines:read"].into()
    );
}

#[test]
fn select_all_and_none_leave_hidden_scopes_alone() {
    let mut form = Form::new(input());
    form.toggle_scope("pipelines:delete");
    form.search("dash SHARE");
    form.select_all();
    let both: BTreeSet<_> = ["dashboards:share", "pipelines:delete"].into();
    assert_eq!(selected(&form.view()), both);
    form.search("share dashboards");
    form.select_none();
    assert_eq!(selected(&form.view()), ["pipelines:delete"].into());
    form.search("no such");
    form.select_all();
    form.select_none();
    assert_eq!(selected(&form.view()), ["pipelines:delete"].into());
    form.search(" ");
    form.select_all();
    assert_eq!(selected(&form.view()).len(), 23);
}

#[test]
fn search_finds_translations() {
    let german = [
        ("Delete pipelines", "Pipelines löschen"),
        ("Models", "Modelle"),
    ];
    let mut input = input();
    input.words = german.map(|(a, b)| (a.to_owned(), b.to_owned())).to_vec();
    let mut form = Form::new(input);
    for (search, found) in [
        ("LÖSCHEN", &["pipelines:delete"][..]),
        ("delete pipe", &["pipelines:delete"]),
        ("modelle ändern", &[]),
        ("modelle change", &["models:write"]),
    ] {
        form.search(search);
        let scopes = form.view().scopes.unwrap();
        let visible: Vec<_> = (scopes.groups.iter())
            .flat_map(|group| &group.scopes)
            .filter(|scope| scope.visible)
            .map(|one| scope(&one.name))
            .collect();
        assert_eq!(visible, found, "{search}");
    }
}

#[test]
fn form_is_changed_while_it_differs_from_an_empty_one() {
    let mut form = Form::new(input());
    for (action, changed) in [
        (Action::Search("uns".to_owned()), false),
        (Action::Touch(Field::Name), false),
        (Action::Submit, false),
        (Action::SetName("x".to_owned()), true),
        (Action::SetName(String::new()), false),
        (Action::SetOrganization("globex", true), true),
        (Action::SetOrganization("globex", false), false),
        (Action::SetExpiry(30), true),
        (Action::SetExpiry(90), false),
        (Action::ToggleScope("uns:read"), true),
        (Action::Reset, false),
    ] {
        apply(&mut form, &action);
        assert_eq!(form.view().changed, changed, "{action:?}");
    }
}

#[test]
fn form_says_if_no_scope_can_be_granted() {
    let mut form = Form::new(input());
    form.set_organization("initech", true);
    assert!(codes(&form.view()).contains(&"scopes-none-offered"));
    let mut input = input();
    input.me.organizations.clear();
    let view = Form::new(input).view();
    assert!(codes(&view).contains(&"organization-none"));
}

#[test]
fn form_cannot_be_submitted_at_the_token_limit() {
    let mut input = input();
    input.active = 50;
    let mut form = Form::new(input);
    form.set_name("x");
    form.select_all();
    let view = form.view();
    assert_eq!(codes(&view), ["limit-reached"]);
    assert_eq!(form.request(), None);
}

#[test]
fn form_without_rbac_has_no_scopes() {
    let mut form = Form::new(without_rbac());
    form.set_name("x");
    form.select_all();
    let view = form.view();
    assert_eq!(view.scopes, None);
    assert!(view.can_submit);
    assert!(form.request().unwrap().scopes.is_empty());
}

#[test]
fn server_error_stays_at_its_field_until_that_field_changes() {
    let mut form = Form::new(input());
    form.set_name("x");
    form.select_all();
    let error = |field: &str| ServerFieldError {
        field: field.to_owned(),
        code: "no".to_owned(),
        detail: "No.".to_owned(),
    };
    form.reject(&ServerProblem {
        errors: vec![error("name"), error("scopes")],
        ..ServerProblem::default()
    });
    form.set_name("y");
    let view = form.view();
    assert_eq!(view.name.error, None);
    assert_eq!(view.scopes.unwrap().error.unwrap().text, "No.");
    assert_eq!(view.error, None);
}

#[test]
fn server_error_without_a_field_stays_until_anything_changes() {
    let mut form = Form::new(input());
    form.reject(&ServerProblem::default());
    assert_eq!(form.view().error.unwrap().code, "refused");
    form.set_expiry(30);
    assert_eq!(form.view().error, None);
}

#[test]
fn server_error_about_the_token_limit_shows_as_the_forms_own() {
    let mut form = Form::new(input());
    form.set_name("x");
    form.select_all();
    form.reject(&ServerProblem {
        code: Some("token-limit-reached".to_owned()),
        ..ServerProblem::default()
    });
    let view = form.view();
    assert!(view.limit.reached);
    assert_eq!(view.error, None);
}

#[test]
fn expiration_dates_move_with_the_time() {
    let mut form = Form::new(input());
    form.set_now(NOW.plus(60));
    let view = form.view();
    for (choice, lifetime) in view.expiry.choices.iter().zip(Lifetime::ALL) {
        assert_eq!(choice.expires_at, lifetime.expiry(NOW.plus(60)));
    }
}

#[derive(Debug, Clone)]
enum Action {
    SetName(String),
    SetExpiry(u64),
    SetOrganization(&'static str, bool),
    ToggleScope(&'static str),
    ToggleGroup(&'static str),
    SelectAll,
    SelectNone,
    Search(String),
    Touch(Field),
    Submit,
    Reset,
}

fn action() -> impl Strategy<Value = Action> {
    let scopes: Vec<_> = example()
        .scopes()
        .map(|scope| scope.name.as_str())
        .collect();
    let groups: Vec<_> = example()
        .groups()
        .iter()
        .map(|group| group.name.as_str())
        .collect();
    prop_oneof![
        2 => prop_oneof![Just(String::new()), ".{0,8}", "[a-z\u{7}]{250,260}"].prop_map(Action::SetName),
        1 => select(vec![0, 30, 90, 180, 365, 366]).prop_map(Action::SetExpiry),
        3 => (select(vec!["acme", "globex", "initech", "hooli"]), any::<bool>())
            .prop_map(|(id, chosen)| Action::SetOrganization(id, chosen)),
        6 => select(scopes).prop_map(Action::ToggleScope),
        1 => Just(Action::ToggleScope("no:such")),
        3 => select(groups).prop_map(Action::ToggleGroup),
        1 => Just(Action::SelectAll),
        1 => Just(Action::SelectNone),
        1 => "[a-z ]{0,4}".prop_map(Action::Search),
        1 => select(Field::ALL.to_vec()).prop_map(Action::Touch),
        1 => Just(Action::Submit),
        1 => Just(Action::Reset),
    ]
}

fn apply(form: &mut Form, action: &Action) {
    match action {
        Action::SetName(text) => form.set_name(text),
        Action::SetExpiry(days) => form.set_expiry(*days),
        Action::SetOrganization(id, chosen) => form.set_organization(id, *chosen),
        Action::ToggleScope(name) => form.toggle_scope(name),
        Action::ToggleGroup(name) => form.toggle_group(name),
        Action::SelectAll => form.select_all(),
        Action::SelectNone => form.select_none(),
        Action::Search(text) => form.search(text),
        Action::Touch(field) => form.touch(*field),
        Action::Submit => form.submit(),
        Action::Reset => form.reset(),
    }
}

/// A model of the form with sets of names.
#[derive(Debug)]
struct Model {
    name: String,
    days: u64,
    organizations: BTreeSet<&'static str>,
    /// Including scopes that are set aside.
    all_selected: BTreeSet<&'static str>,
    search: String,
}

impl Model {
    fn new() -> Self {
        Self {
            name: String::new(),
            days: 90,
            organizations: ["acme"].into(),
            all_selected: BTreeSet::new(),
            search: String::new(),
        }
    }

    fn offered(&self) -> BTreeSet<&'static str> {
        let held = |id: &&str| -> BTreeSet<&'static str> {
            let role = match *id {
                "acme" => example().role("admin"),
                "globex" => example().role("viewer"),
                _ => None,
            };
            let scopes = role.map(|role| example().scope_names(role.scopes));
            scopes.unwrap_or_default().into_iter().collect()
        };
        let all = self.organizations.iter().map(held);
        all.reduce(|one, other| &one & &other).unwrap_or_default()
    }

    fn selected(&self) -> BTreeSet<&'static str> {
        &self.all_selected & &self.offered()
    }

    /// The offered scopes that match the search.
    fn found(&self) -> BTreeSet<&'static str> {
        let everything = example().offered(example().role("admin").unwrap().scopes);
        let found = everything.flat_map(|(group, scopes)| {
            let text = |scope: &patrol::policy::Scope| {
                [&group.name, &scope.name, &scope.label, &scope.description]
                    .map(|text| text.to_lowercase())
                    .join("\n")
            };
            let inside = scopes.into_iter().filter(move |(_, scope)| {
                let text = text(scope);
                self.search.split(' ').all(|word| text.contains(word))
            });
            inside.map(|(_, scope)| scope.name.as_str())
        });
        &found.collect() & &self.offered()
    }

    fn toggle(&mut self, set: &BTreeSet<&'static str>) {
        let set = set & &self.offered();
        let selected = self.selected();
        if set.is_empty() {
            // None of them is on the page.
        } else if set.is_subset(&selected) {
            self.all_selected = &selected - &set;
        } else {
            self.all_selected = &selected | &set;
        }
    }

    fn apply(&mut self, action: &Action) {
        match action {
            Action::SetName(text) => text.clone_into(&mut self.name),
            Action::SetExpiry(days) => self.days = *days,
            // The user is not a member of hooli.
            Action::SetOrganization("hooli", _) | Action::Touch(_) | Action::Submit => {}
            Action::Search(text) => text.clone_into(&mut self.search),
            Action::SetOrganization(id, true) => _ = self.organizations.insert(id),
            Action::SetOrganization(id, false) => _ = self.organizations.remove(id),
            Action::ToggleScope(name) => self.toggle(&[*name].into()),
            Action::ToggleGroup(name) => {
                let everything = example().role("admin").unwrap().scopes;
                let group = example()
                    .offered(everything)
                    .find(|(group, _)| group.name == *name);
                let scopes = group.into_iter().flat_map(|(_, scopes)| scopes);
                self.toggle(&scopes.map(|(_, scope)| scope.name.as_str()).collect());
            }
            Action::SelectAll => self.all_selected = &self.selected() | &self.found(),
            Action::SelectNone => self.all_selected = &self.selected() - &self.found(),
            Action::Reset => *self = Self::new(),
        }
    }
}

fn account_and_policy(input: &FormInput) -> (Account, Policy) {
    let policy = input.me.policy();
    (input.me.account(&policy), policy)
}

/// Keeps proptest from writing failures into the source tree.
fn config() -> ProptestConfig {
    ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn form_agrees_with_the_model(actions in prop::collection::vec(action(), 0..40)) {
        let mut form = Form::new(input());
        let mut model = Model::new();
        for action in &actions {
            apply(&mut form, action);
            model.apply(action);
            let view = form.view();
            prop_assert_eq!(selected(&view), model.selected(), "after {:?}", action);
            prop_assert_eq!(&view.name.value, &model.name);
            prop_assert_eq!(view.expiry.days, model.days);
            let chosen: BTreeSet<_> = view.organizations.choices.iter()
                .filter(|choice| choice.chosen).map(|choice| choice.id.as_str()).collect();
            prop_assert_eq!(chosen, model.organizations.iter().copied().collect());
            let offered: BTreeSet<_> = view.scopes.iter().flat_map(|scopes| &scopes.groups)
                .flat_map(|group| &group.scopes).map(|one| scope(&one.name)).collect();
            prop_assert_eq!(offered, model.offered());
        }
    }

    #[test]
    fn form_allows_a_request_exactly_if_the_origins_rules_do(
        actions in prop::collection::vec(action(), 0..40),
        rbac in any::<bool>(),
    ) {
        let input = if rbac { input() } else { without_rbac() };
        let (account, policy) = account_and_policy(&input);
        let mut form = Form::new(input);
        for action in &actions {
            apply(&mut form, action);
            let view = form.view();
            let request = form.request();
            prop_assert_eq!(request.is_some(), view.can_submit);
            prop_assert_eq!(view.can_submit, view.blockers.is_empty());
            // The request that the view shows, valid or not.
            let shown = patrol::http::api::CreateToken {
                name: view.name.value.clone(),
                expires_in_days: Some(view.expiry.days),
                organizations: view.organizations.choices.iter()
                    .filter(|choice| choice.chosen).map(|choice| choice.id.clone()).collect(),
                scopes: view.scopes.iter().flat_map(|scopes| &scopes.groups)
                    .flat_map(|group| &group.scopes).filter(|scope| scope.selected)
                    .map(|scope| scope.name.clone()).collect(),
            };
            let checked = NewToken::check(&shown, &account, &policy);
            prop_assert_eq!(checked.is_ok(), view.can_submit);
            if let Some(request) = request {
                prop_assert_eq!(NewToken::check(&request, &account, &policy), checked);
            }
        }
    }

    #[test]
    fn counters_and_group_states_agree_with_the_scopes(
        actions in prop::collection::vec(action(), 0..40),
    ) {
        let mut form = Form::new(input());
        for action in &actions {
            apply(&mut form, action);
            let view = form.view();
            let scopes = view.scopes.as_ref().unwrap();
            let (mut chosen, mut total) = (0, 0);
            for group in &scopes.groups {
                let in_group = group.scopes.iter().filter(|scope| scope.selected).count();
                prop_assert_eq!((group.selected, group.total), (in_group, group.scopes.len()));
                let state = match in_group {
                    0 => GroupSelection::None,
                    all if all == group.total => GroupSelection::All,
                    _ => GroupSelection::Some,
                };
                prop_assert_eq!(group.state, state);
                prop_assert_eq!(group.visible, group.scopes.iter().any(|scope| scope.visible));
                chosen += in_group;
                total += group.total;
            }
            prop_assert_eq!((scopes.selected, scopes.total), (chosen, total));
            let left = i64::try_from(MAX_NAME_LENGTH).unwrap() - i64::try_from(view.name.length).unwrap();
            prop_assert_eq!(view.name.left, left);
        }
    }

    #[test]
    fn form_shows_no_error_before_the_user_leaves_the_field_or_submits(
        actions in prop::collection::vec(action(), 0..40),
    ) {
        let mut form = Form::new(input());
        let (mut left, mut submitted) = (BTreeSet::new(), false);
        for action in &actions {
            apply(&mut form, action);
            match action {
                Action::Touch(field) => _ = left.insert(field.name()),
                Action::Submit => submitted = true,
                Action::Reset => { left.clear(); submitted = false; }
                _ => {}
            }
            let view = form.view();
            let shown = [
                (Field::Name, view.name.error.is_some()),
                (Field::Expiry, view.expiry.error.is_some()),
                (Field::Organizations, view.organizations.error.is_some()),
                (Field::Scopes, view.scopes.is_some_and(|scopes| scopes.error.is_some())),
            ];
            for (field, shown) in shown {
                prop_assert!(!shown || submitted || left.contains(field.name()), "{:?}", field);
            }
        }
    }

    #[test]
    fn state_restores_the_form(actions in prop::collection::vec(action(), 0..40)) {
        let mut form = Form::new(input());
        for action in &actions {
            apply(&mut form, action);
        }
        let state: FormState = form.state();
        let restored = Form::from_state(input(), state.clone());
        prop_assert_eq!(restored.state(), state);
        prop_assert_eq!(restored.view(), form.view());
    }

    #[test]
    fn toggling_a_scope_twice_changes_nothing(
        actions in prop::collection::vec(action(), 0..20),
        scope in select(example().scopes().map(|scope| scope.name.as_str()).collect::<Vec<_>>()),
    ) {
        let mut form = Form::new(input());
        for action in &actions {
            apply(&mut form, action);
        }
        let before = selected(&form.view());
        form.toggle_scope(scope);
        form.toggle_scope(scope);
        prop_assert_eq!(selected(&form.view()), before);
    }

    #[test]
    fn search_does_not_change_the_request(
        actions in prop::collection::vec(action(), 0..20), text in ".{0,6}",

    ) {
        let mut form = Form::new(input());
        for action in &actions {
            apply(&mut form, action);
        }
        let (before, request) = (selected(&form.view()), form.request());
        form.search(&text);
        prop_assert_eq!(selected(&form.view()), before);
        prop_assert_eq!(form.request(), request);
        form.search("");
        let view = form.view();
        prop_assert!(view.scopes.unwrap().groups.iter().all(|group| group.visible));
    }
}
