//! The form as a state machine: examples of what its users do, and laws that hold after any
//! sequence of events. The laws compare it with a model that is as simple as can be: names in
//! sets.

use patrol::{
    http::api::Me,
    issue::rules::{Field, Lifetime, MAX_NAME_LENGTH, NewToken},
    policy::{POLICY, Policy, account::Account},
    time::Timestamp,
};
use patrol_form::{
    form::{Form, Input, State, Ticked, View},
    message::{Refusal, RefusedField},
};
use proptest::{prelude::*, sample::select};
use serde_json::json;
use std::collections::BTreeSet;

const NOW: Timestamp = Timestamp::from_seconds(2_000_000_000);

/// Admin in one organization, viewer in another, nothing in a third.
fn input() -> Input {
    let account = json!({
        "id": "ada", "name": "Ada", "email": "ada@example.com", "rbac": true,
        "organizations": [
            { "id": "acme", "name": "Acme", "roles": ["admin"], "scopes": [] },
            { "id": "globex", "name": "Globex", "roles": ["viewer"], "scopes": [] },
            { "id": "initech", "name": "Initech", "roles": [], "scopes": [] },
        ],
    });
    let me: Me = serde_json::from_value(account).unwrap();
    Input {
        me,
        active: 0,
        limit: 50,
        now: NOW,
        words: Vec::new(),
    }
}

fn without_rbac() -> Input {
    let mut input = input();
    input.me.rbac = false;
    input
}

fn selected(view: &View) -> BTreeSet<&'static str> {
    let groups = view.scopes.iter().flat_map(|scopes| &scopes.groups);
    groups
        .flat_map(|group| &group.scopes)
        .filter(|scope| scope.selected)
        .map(|scope| scope.name)
        .collect()
}

fn codes(view: &View) -> Vec<&str> {
    view.blockers.iter().map(|one| one.code.as_ref()).collect()
}

#[test]
fn an_empty_form_shows_no_error_and_says_what_is_missing() {
    let view = Form::new(input()).view();
    assert!(!view.can_submit);
    assert_eq!(codes(&view), ["name-missing", "scopes-missing"]);
    assert_eq!(view.name.error, None);
    assert_eq!(view.expiry.days, 90);
    let scopes = view.scopes.unwrap();
    assert_eq!((scopes.selected, scopes.total, scopes.error), (0, 23, None));
}

#[test]
fn an_error_is_shown_once_its_field_was_left() {
    let mut form = Form::new(input());
    form.touch(Field::Name);
    let view = form.view();
    assert_eq!(view.name.error.unwrap().code, "name-missing");
    assert_eq!(view.scopes.unwrap().error, None);
    form.set_name("x");
    assert_eq!(form.view().name.error, None);
}

#[test]
fn after_an_attempt_to_submit_every_error_is_shown() {
    let mut form = Form::new(input());
    form.submit();
    let view = form.view();
    assert!(view.name.error.is_some());
    assert!(view.scopes.unwrap().error.is_some());
}

#[test]
fn characters_are_counted_as_people_count_them() {
    let mut form = Form::new(input());
    form.set_name(&"é".repeat(300));
    let view = form.view();
    assert_eq!((view.name.length, view.name.left), (300, -45));
    assert!(codes(&view).contains(&"name-too-long"));
}

#[test]
fn what_an_organization_does_not_offer_is_set_aside_and_returns_with_it() {
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
fn all_and_none_do_not_touch_what_a_search_hides() {
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
fn a_search_finds_the_words_of_the_page_as_well() {
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
            .map(|scope| scope.name)
            .collect();
        assert_eq!(visible, found, "{search}");
    }
}

#[test]
fn a_form_is_changed_while_it_has_what_an_empty_one_has_not() {
    let mut form = Form::new(input());
    for (event, changed) in [
        (Event::Search("uns".to_owned()), false),
        (Event::Touch(Field::Name), false),
        (Event::Submit, false),
        (Event::Name("x".to_owned()), true),
        (Event::Name(String::new()), false),
        (Event::Organization("globex", true), true),
        (Event::Organization("globex", false), false),
        (Event::Expiry(30), true),
        (Event::Expiry(90), false),
        (Event::Scope("uns:read"), true),
        (Event::Reset, false),
    ] {
        apply(&mut form, &event);
        assert_eq!(form.view().changed, changed, "{event:?}");
    }
}

#[test]
fn where_nothing_can_be_granted_the_form_says_so_instead_of_asking_for_a_choice() {
    let mut form = Form::new(input());
    form.set_organization("initech", true);
    assert!(codes(&form.view()).contains(&"scopes-none-offered"));
    let mut input = input();
    input.me.organizations.clear();
    let view = Form::new(input).view();
    assert!(codes(&view).contains(&"organization-none"));
}

#[test]
fn a_full_account_can_fill_in_the_form_and_not_send_it() {
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
fn without_rbac_there_are_no_scopes_to_choose_and_none_to_send() {
    let mut form = Form::new(without_rbac());
    form.set_name("x");
    form.select_all();
    let view = form.view();
    assert_eq!(view.scopes, None);
    assert!(view.can_submit);
    assert!(form.request().unwrap().scopes.is_empty());
}

#[test]
fn a_refusal_stands_at_its_field_until_that_field_changes() {
    let mut form = Form::new(input());
    form.set_name("x");
    form.select_all();
    let refused = |field: &str| RefusedField {
        field: field.to_owned(),
        code: "no".to_owned(),
        detail: "No.".to_owned(),
    };
    form.reject(&Refusal {
        errors: vec![refused("name"), refused("scopes")],
        ..Refusal::default()
    });
    form.set_name("y");
    let view = form.view();
    assert_eq!(view.name.error, None);
    assert_eq!(view.scopes.unwrap().error.unwrap().text, "No.");
    assert_eq!(view.refusal, None);
}

#[test]
fn a_refusal_about_no_field_stands_until_anything_changes() {
    let mut form = Form::new(input());
    form.reject(&Refusal::default());
    assert_eq!(form.view().refusal.unwrap().code, "refused");
    form.set_expiry(30);
    assert_eq!(form.view().refusal, None);
}

#[test]
fn a_limit_that_only_the_origin_knew_of_is_shown_as_the_form_would() {
    let mut form = Form::new(input());
    form.set_name("x");
    form.select_all();
    form.reject(&Refusal {
        code: Some("token-limit-reached".to_owned()),
        ..Refusal::default()
    });
    let view = form.view();
    assert!(view.limit.reached);
    assert_eq!(view.refusal, None);
}

#[test]
fn the_dates_move_along_with_the_time() {
    let mut form = Form::new(input());
    form.set_now(NOW.plus(60));
    let view = form.view();
    for (choice, lifetime) in view.expiry.choices.iter().zip(Lifetime::ALL) {
        assert_eq!(choice.expires_at, lifetime.expiry(NOW.plus(60)));
    }
}

/// What a user can do.
#[derive(Debug, Clone)]
enum Event {
    Name(String),
    Expiry(u64),
    Organization(&'static str, bool),
    Scope(&'static str),
    Group(&'static str),
    All,
    None,
    Search(String),
    Touch(Field),
    Submit,
    Reset,
}

fn event() -> impl Strategy<Value = Event> {
    let scopes: Vec<_> = POLICY.scopes.iter().map(|scope| scope.name).collect();
    let groups: Vec<_> = POLICY.groups.iter().map(|group| group.name).collect();
    prop_oneof![
        2 => prop_oneof![Just(String::new()), ".{0,8}", "[a-z\u{7}]{250,260}"].prop_map(Event::Name),
        1 => select(vec![0, 30, 90, 180, 365, 366]).prop_map(Event::Expiry),
        3 => (select(vec!["acme", "globex", "initech", "hooli"]), any::<bool>())
            .prop_map(|(id, chosen)| Event::Organization(id, chosen)),
        6 => select(scopes).prop_map(Event::Scope),
        1 => Just(Event::Scope("no:such")),
        3 => select(groups).prop_map(Event::Group),
        1 => Just(Event::All),
        1 => Just(Event::None),
        1 => "[a-z ]{0,4}".prop_map(Event::Search),
        1 => select(Field::ALL.to_vec()).prop_map(Event::Touch),
        1 => Just(Event::Submit),
        1 => Just(Event::Reset),
    ]
}

fn apply(form: &mut Form, event: &Event) {
    match event {
        Event::Name(text) => form.set_name(text),
        Event::Expiry(days) => form.set_expiry(*days),
        Event::Organization(id, chosen) => form.set_organization(id, *chosen),
        Event::Scope(name) => form.toggle_scope(name),
        Event::Group(name) => form.toggle_group(name),
        Event::All => form.select_all(),
        Event::None => form.select_none(),
        Event::Search(text) => form.search(text),
        Event::Touch(field) => form.touch(*field),
        Event::Submit => form.submit(),
        Event::Reset => form.reset(),
    }
}

/// The same in names and sets.
#[derive(Debug)]
struct Model {
    name: String,
    days: u64,
    organizations: BTreeSet<&'static str>,
    wanted: BTreeSet<&'static str>,
    search: String,
}

impl Model {
    fn new() -> Self {
        Self {
            name: String::new(),
            days: 90,
            organizations: ["acme"].into(),
            wanted: BTreeSet::new(),
            search: String::new(),
        }
    }

    fn offered(&self) -> BTreeSet<&'static str> {
        let held = |id: &&str| -> BTreeSet<&'static str> {
            let role = match *id {
                "acme" => POLICY.role("admin"),
                "globex" => POLICY.role("viewer"),
                _ => None,
            };
            let scopes = role.map(|role| POLICY.scope_names(role.scopes));
            scopes.unwrap_or_default().into_iter().collect()
        };
        let all = self.organizations.iter().map(held);
        all.reduce(|one, other| &one & &other).unwrap_or_default()
    }

    fn selected(&self) -> BTreeSet<&'static str> {
        &self.wanted & &self.offered()
    }

    /// Offered, and not hidden by the search.
    fn found(&self) -> BTreeSet<&'static str> {
        let everything = POLICY.offered(POLICY.role("admin").unwrap().scopes);
        let found = everything.flat_map(|(group, scopes)| {
            let text = |scope: &patrol::policy::Scope| {
                [group.name, scope.name, scope.label, scope.description]
                    .map(str::to_lowercase)
                    .join("\n")
            };
            let inside = scopes.into_iter().filter(move |(_, scope)| {
                let text = text(scope);
                self.search.split(' ').all(|word| text.contains(word))
            });
            inside.map(|(_, scope)| scope.name)
        });
        &found.collect() & &self.offered()
    }

    fn toggle(&mut self, set: &BTreeSet<&'static str>) {
        let set = set & &self.offered();
        let selected = self.selected();
        if set.is_empty() {
            // Nothing was there to be clicked.
        } else if set.is_subset(&selected) {
            self.wanted = &selected - &set;
        } else {
            self.wanted = &selected | &set;
        }
    }

    fn apply(&mut self, event: &Event) {
        match event {
            Event::Name(text) => text.clone_into(&mut self.name),
            Event::Expiry(days) => self.days = *days,
            // Not the user's.
            Event::Organization("hooli", _) | Event::Touch(_) | Event::Submit => {}
            Event::Search(text) => text.clone_into(&mut self.search),
            Event::Organization(id, true) => _ = self.organizations.insert(id),
            Event::Organization(id, false) => _ = self.organizations.remove(id),
            Event::Scope(name) => self.toggle(&[*name].into()),
            Event::Group(name) => {
                let everything = POLICY.role("admin").unwrap().scopes;
                let group = POLICY
                    .offered(everything)
                    .find(|(group, _)| group.name == *name);
                let scopes = group.into_iter().flat_map(|(_, scopes)| scopes);
                self.toggle(&scopes.map(|(_, scope)| scope.name).collect());
            }
            Event::All => self.wanted = &self.selected() | &self.found(),
            Event::None => self.wanted = &self.selected() - &self.found(),
            Event::Reset => *self = Self::new(),
        }
    }
}

fn account_and_policy(input: &Input) -> (Account, Policy) {
    (input.me.account(), POLICY.with_rbac(input.me.rbac))
}

/// A failure is told with the events that lead to it; nothing is written beside the sources.
fn config() -> ProptestConfig {
    ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn after_any_events_the_form_is_what_the_model_says(events in prop::collection::vec(event(), 0..40)) {
        let mut form = Form::new(input());
        let mut model = Model::new();
        for event in &events {
            apply(&mut form, event);
            model.apply(event);
            let view = form.view();
            prop_assert_eq!(selected(&view), model.selected(), "after {:?}", event);
            prop_assert_eq!(&view.name.value, &model.name);
            prop_assert_eq!(view.expiry.days, model.days);
            let chosen: BTreeSet<_> = view.organizations.choices.iter()
                .filter(|choice| choice.chosen).map(|choice| choice.id.as_str()).collect();
            prop_assert_eq!(chosen, model.organizations.iter().copied().collect());
            let offered: BTreeSet<_> = view.scopes.iter().flat_map(|scopes| &scopes.groups)
                .flat_map(|group| &group.scopes).map(|scope| scope.name).collect();
            prop_assert_eq!(offered, model.offered());
        }
    }

    #[test]
    fn the_form_lets_a_request_pass_exactly_when_the_rules_of_the_origin_do(
        events in prop::collection::vec(event(), 0..40),
        rbac in any::<bool>(),
    ) {
        let input = if rbac { input() } else { without_rbac() };
        let (account, policy) = account_and_policy(&input);
        let mut form = Form::new(input);
        for event in &events {
            apply(&mut form, event);
            let view = form.view();
            let request = form.request();
            prop_assert_eq!(request.is_some(), view.can_submit);
            prop_assert_eq!(view.can_submit, view.blockers.is_empty());
            // The whole of it, filled in by hand from what is to be seen.
            let seen = patrol::http::api::CreateToken {
                name: view.name.value.clone(),
                expires_in_days: Some(view.expiry.days),
                organizations: view.organizations.choices.iter()
                    .filter(|choice| choice.chosen).map(|choice| choice.id.clone()).collect(),
                scopes: view.scopes.iter().flat_map(|scopes| &scopes.groups)
                    .flat_map(|group| &group.scopes).filter(|scope| scope.selected)
                    .map(|scope| scope.name.to_owned()).collect(),
            };
            let judged = NewToken::check(&seen, &account, &policy);
            prop_assert_eq!(judged.is_ok(), view.can_submit);
            if let Some(request) = request {
                prop_assert_eq!(NewToken::check(&request, &account, &policy), judged);
            }
        }
    }

    #[test]
    fn counters_and_boxes_agree_with_the_scopes(events in prop::collection::vec(event(), 0..40)) {
        let mut form = Form::new(input());
        for event in &events {
            apply(&mut form, event);
            let view = form.view();
            let scopes = view.scopes.as_ref().unwrap();
            let (mut chosen, mut total) = (0, 0);
            for group in &scopes.groups {
                let inside = group.scopes.iter().filter(|scope| scope.selected).count();
                prop_assert_eq!((group.selected, group.total), (inside, group.scopes.len()));
                let state = match inside {
                    0 => Ticked::None,
                    all if all == group.total => Ticked::All,
                    _ => Ticked::Some,
                };
                prop_assert_eq!(group.state, state);
                prop_assert_eq!(group.visible, group.scopes.iter().any(|scope| scope.visible));
                chosen += inside;
                total += group.total;
            }
            prop_assert_eq!((scopes.selected, scopes.total), (chosen, total));
            let left = i64::try_from(MAX_NAME_LENGTH).unwrap() - i64::try_from(view.name.length).unwrap();
            prop_assert_eq!(view.name.left, left);
        }
    }

    #[test]
    fn an_error_is_shown_only_at_a_field_that_was_left_or_after_an_attempt(
        events in prop::collection::vec(event(), 0..40),
    ) {
        let mut form = Form::new(input());
        let (mut left, mut submitted) = (BTreeSet::new(), false);
        for event in &events {
            apply(&mut form, event);
            match event {
                Event::Touch(field) => _ = left.insert(field.name()),
                Event::Submit => submitted = true,
                Event::Reset => { left.clear(); submitted = false; }
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
    fn what_was_filled_in_survives_the_end_of_a_session(events in prop::collection::vec(event(), 0..40)) {
        let mut form = Form::new(input());
        for event in &events {
            apply(&mut form, event);
        }
        let state: State = form.state();
        let restored = Form::from_state(input(), state.clone());
        prop_assert_eq!(restored.state(), state);
        prop_assert_eq!(restored.view(), form.view());
    }

    #[test]
    fn two_clicks_on_a_scope_undo_each_other(
        events in prop::collection::vec(event(), 0..20),
        scope in select(POLICY.scopes.iter().map(|scope| scope.name).collect::<Vec<_>>()),
    ) {
        let mut form = Form::new(input());
        for event in &events {
            apply(&mut form, event);
        }
        let before = selected(&form.view());
        form.toggle_scope(scope);
        form.toggle_scope(scope);
        prop_assert_eq!(selected(&form.view()), before);
    }

    #[test]
    fn a_search_changes_nothing_but_what_is_to_be_seen(
        events in prop::collection::vec(event(), 0..20), text in ".{0,6}",
    ) {
        let mut form = Form::new(input());
        for event in &events {
            apply(&mut form, event);
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
