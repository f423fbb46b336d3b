//! A page in a browser, and what a user does with it.
//!
//! Nothing is looked at before it is there: every look waits for its condition. An action is
//! a real one, of mouse or keyboard, so what a user could not do fails here as well.

use crate::driver::{Browser, Command};
use fantoccini::{
    Client,
    actions::{InputSource as _, KeyAction, KeyActions},
    elements::{Element, ElementRef},
};
use futures_util::FutureExt as _;
use patrol_support::{System, root, wait_until};
use serde_json::{Value, json};
use std::{cell::RefCell, fs, panic::AssertUnwindSafe, path::PathBuf};

/// What the browser is like.
#[derive(Debug, Clone, Copy)]
pub struct Look {
    /// Of the viewport, in CSS pixels.
    pub width: u32,
    /// Of the viewport.
    pub height: u32,
    /// Does the user prefer dark?
    pub dark: bool,
    /// Does the user's own palette replace all colors?
    pub forced_colors: bool,
}

impl Default for Look {
    fn default() -> Self {
        Self {
            width: 1280,
            height: 900,
            dark: false,
            forced_colors: false,
        }
    }
}

/// Keys that have no letter, as `WebDriver` writes them.
pub mod key {
    /// Tabulator.
    pub const TAB: char = '\u{e004}';
    /// Return.
    pub const ENTER: char = '\u{e007}';
    /// Shift, held.
    pub const SHIFT: char = '\u{e008}';
    /// Control, held.
    pub const CONTROL: char = '\u{e009}';
    /// Escape.
    pub const ESCAPE: char = '\u{e00c}';
    /// Space bar.
    pub const SPACE: char = ' ';
    /// Arrow down.
    pub const DOWN: char = '\u{e015}';
}

/// A page in a browser.
pub struct Page<'a> {
    /// Where everything of it has to come from.
    base: &'a str,
    system: Option<&'a System>,
    client: Client,
    /// What the console may say: the browser calls every refusal of a server an error.
    expected: RefCell<Vec<String>>,
}

/// Runs a test in a browser of its own and holds it to what every test is held to.
///
/// # Panics
/// When the test does, or the page has misbehaved.
pub async fn visit(system: &System, look: Look, test: impl AsyncFnOnce(&Page<'_>)) {
    run(&system.url, Some(system), look, test).await;
}

/// The same at an address that no system serves.
///
/// # Panics
/// When the test does, or the page has misbehaved.
pub async fn visit_at(base: &str, look: Look, test: impl AsyncFnOnce(&Page<'_>)) {
    run(base, None, look, test).await;
}

async fn run(base: &str, system: Option<&System>, look: Look, test: impl AsyncFnOnce(&Page<'_>)) {
    let browser = Browser::start().await;
    let page = Page {
        base,
        system,
        client: browser.client.clone(),
        expected: RefCell::default(),
    };
    let whole = async {
        // Whoever comes is asked for a session first.
        page.expect_refusal(401);
        page.look(look).await;
        test(&page).await;
        page.behaved().await;
    };
    let outcome = AssertUnwindSafe(whole).catch_unwind().await;
    let name = std::thread::current().name().unwrap_or("test").to_owned();
    let failed = format!("failed/{}", name.replace("::", "-"));
    if outcome.is_err() {
        page.shoot(&failed).await;
    } else {
        // Of an earlier run; mostly there is none.
        let _ = fs::remove_file(screenshots().join(format!("{failed}.png")));
    }
    match outcome {
        Ok(()) => browser.end(),
        Err(panic) => {
            browser.close().await;
            std::panic::resume_unwind(panic);
        }
    }
}

impl Page<'_> {
    /// Sets size and preferences. Animations are off, as a picture of half of one says nothing.
    pub async fn look(&self, look: Look) {
        let size = json!({
            "width": look.width, "height": look.height, "deviceScaleFactor": 1, "mobile": false,
        });
        self.devtools("Emulation.setDeviceMetricsOverride", size)
            .await;
        let scheme = if look.dark { "dark" } else { "light" };
        let forced = if look.forced_colors { "active" } else { "none" };
        let media = json!({ "features": [
            { "name": "prefers-color-scheme", "value": scheme },
            { "name": "prefers-reduced-motion", "value": "reduce" },
            { "name": "forced-colors", "value": forced },
        ] });
        self.devtools("Emulation.setEmulatedMedia", media).await;
        // Not UTC, so that the two are told apart.
        let zone = json!({ "timezoneId": "Europe/Berlin" });
        self.devtools("Emulation.setTimezoneOverride", zone).await;
    }

    /// What serves the page.
    ///
    /// # Panics
    /// When that is no system.
    pub fn system(&self) -> &System {
        self.system.expect("the page is one of a system")
    }

    /// A command of the `DevTools` protocol.
    ///
    /// # Panics
    /// When it fails.
    pub async fn devtools(&self, name: &str, params: Value) -> Value {
        let command = Command::devtools(name, params);
        let answer = self.client.issue_cmd(command).await;
        answer.unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// Goes to a path of the system.
    ///
    /// # Panics
    /// When there is no answer.
    pub async fn goto(&self, path: &str) {
        let url = format!("{}{path}", self.base);
        self.client.goto(&url).await.expect("the page is there");
    }

    /// Goes to a path and signs in on the way, as the page asks for it.
    pub async fn sign_in(&self, user: &str, path: &str) {
        self.goto(path).await;
        self.click(&format!(".sign-in [data-user={user}]")).await;
        self.see("#user").await;
    }

    /// Signs in and goes to the list of tokens.
    pub async fn tokens_of(&self, user: &str) {
        self.sign_in(user, "/profile/security").await;
        self.loaded().await;
    }

    /// Waits until the list is there.
    pub async fn loaded(&self) {
        self.see("#create-token:not([disabled])").await;
    }

    /// The path of the address.
    ///
    /// # Panics
    /// When there is no address.
    pub async fn path(&self) -> String {
        let url = self.client.current_url().await.expect("an address");
        url.path().to_owned()
    }

    /// Loads the page again.
    ///
    /// # Panics
    /// When that fails.
    pub async fn reload(&self) {
        self.client
            .refresh()
            .await
            .expect("the page can be reloaded");
    }

    /// The browser's own button.
    ///
    /// # Panics
    /// When that fails.
    pub async fn back(&self) {
        self.client.back().await.expect("there is a way back");
    }

    /// The value of an expression of JavaScript; see deep.js for what it can use.
    ///
    /// # Panics
    /// When it throws.
    pub async fn js(&self, expression: &str) -> Value {
        self.js_with(expression, &[]).await
    }

    /// The same with `args`.
    ///
    /// # Panics
    /// When it throws.
    pub async fn js_with(&self, expression: &str, args: &[&str]) -> Value {
        let script = format!(
            "{}const args = arguments; return ({expression});",
            include_str!("deep.js")
        );
        let args = args.iter().map(|&arg| json!(arg)).collect();
        let value = self.client.execute(&script, args).await;
        value.unwrap_or_else(|error| panic!("{expression}: {error}"))
    }

    /// The same of a function body that calls its last argument when it is done.
    ///
    /// # Panics
    /// When it throws.
    pub async fn js_async(&self, script: &str) -> Value {
        let value = self.client.execute_async(script, Vec::new()).await;
        value.unwrap_or_else(|error| panic!("a script failed: {error}"))
    }

    /// The text of an expression.
    pub async fn js_text(&self, expression: &str) -> String {
        let value = self.js(expression).await;
        value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned)
    }

    /// Waits until an expression is true.
    pub async fn holds(&self, what: &str, expression: &str) {
        wait_until(what, || async {
            (self.js(expression).await == true).then_some(())
        })
        .await;
    }

    /// Waits until an element is to be seen.
    pub async fn see(&self, selector: &str) -> Element {
        let what = format!("{selector} is to be seen");
        wait_until(&what, || self.find(selector)).await
    }

    async fn find(&self, selector: &str) -> Option<Element> {
        let found = self.js_with("$(args[0])", &[selector]).await;
        let id = found.as_object()?.values().next()?.as_str()?.to_owned();
        Some(Element::from_element_id(
            self.client.clone(),
            ElementRef::from(id),
        ))
    }

    /// Waits until no such element is to be seen.
    pub async fn gone(&self, selector: &str) {
        let what = format!("{selector} is gone");
        wait_until(&what, || async {
            self.find(selector).await.is_none().then_some(())
        })
        .await;
    }

    /// How many such elements there are, seen or not.
    ///
    /// # Panics
    /// Never in practice.
    pub async fn count(&self, selector: &str) -> u64 {
        let count = self.js_with("$$(args[0]).length", &[selector]).await;
        count.as_u64().expect("a number")
    }

    /// Clicks. What is about to move or to be replaced is clicked when that is over.
    pub async fn click(&self, selector: &str) {
        let what = format!("{selector} can be clicked");
        wait_until(&what, || async {
            self.find(selector).await?.click().await.ok()
        })
        .await;
    }

    /// Moves the pointer to where nothing reacts to it.
    pub async fn rest_pointer(&self) {
        let corner = json!({ "type": "mouseMoved", "x": 0, "y": 0 });
        self.devtools("Input.dispatchMouseEvent", corner).await;
    }

    /// Lets every request to an address that fits fail, as if nobody were there; none: no more.
    pub async fn block(&self, pattern: Option<&str>) {
        self.expect("net::ERR_BLOCKED_BY_CLIENT");
        self.devtools("Network.enable", json!({})).await;
        let urls = json!({ "urls": pattern.as_slice() });
        self.devtools("Network.setBlockedURLs", urls).await;
    }

    /// Comes back to the tab after a while: the page's clock goes on, and nobody waits.
    pub async fn come_back_after_a_minute(&self) {
        self.js(
            "((now) => (Date.now = () => now() + 60_000))(Date.now.bind(Date)) && \
                 document.dispatchEvent(new Event('visibilitychange'))",
        )
        .await;
    }

    /// Closes a form that has something in it.
    pub async fn discard_form(&self) {
        self.click("#create-form .dialog-foot .button:not(.primary)")
            .await;
        self.click("#leave-anyway").await;
        self.gone("#create-dialog").await;
    }

    /// Types into a field, behind what is there.
    ///
    /// # Panics
    /// When it takes no text.
    pub async fn type_into(&self, selector: &str, text: &str) {
        let field = self.see(selector).await;
        let typed = field.send_keys(text).await;
        typed.unwrap_or_else(|error| panic!("{selector} takes text: {error}"));
    }

    /// Puts a text into a field in place of what is there, as pasting does: for long ones.
    pub async fn paste(&self, selector: &str, text: &str) {
        self.see(selector).await;
        let paste = "($(args[0]).focus(), $(args[0]).select(), \
                     document.execCommand('insertText', false, args[1]))";
        self.js_with(paste, &[selector, text]).await;
    }

    /// Chooses from a list.
    ///
    /// # Panics
    /// When there is no such choice.
    pub async fn choose(&self, selector: &str, value: &str) {
        let chosen = self.see(selector).await.select_by_value(value).await;
        chosen.unwrap_or_else(|error| panic!("{selector} has {value}: {error}"));
    }

    /// Presses keys one after the other, wherever the focus is.
    ///
    /// # Panics
    /// When that fails.
    pub async fn press(&self, keys: &[char]) {
        for &value in keys {
            self.chord(&[value]).await;
        }
    }

    /// Presses keys together, the last one while the others are held.
    ///
    /// # Panics
    /// When that fails.
    pub async fn chord(&self, keys: &[char]) {
        let down = keys.iter().map(|&value| KeyAction::Down { value });
        let up = keys.iter().rev().map(|&value| KeyAction::Up { value });
        let actions = down
            .chain(up)
            .fold(KeyActions::new("keyboard".to_owned()), KeyActions::then);
        self.client
            .perform_actions(actions)
            .await
            .expect("keys can be pressed");
    }

    /// Types wherever the focus is.
    pub async fn type_text(&self, text: &str) {
        for letter in text.chars() {
            self.press(&[letter]).await;
        }
    }

    /// Presses the tabulator until an element has the focus: with a keyboard, that is how one
    /// gets there.
    ///
    /// # Panics
    /// When it cannot be reached.
    pub async fn tab_to(&self, selector: &str) {
        for _ in 0..60 {
            self.press(&[key::TAB]).await;
            if self.has_focus(selector).await {
                return;
            }
        }
        panic!(
            "{selector} cannot be reached; the focus is on {}",
            self.focus().await
        );
    }

    /// Is the focus on such an element?
    pub async fn has_focus(&self, selector: &str) -> bool {
        let matches = "focused()?.matches(args[0]) === true";
        self.js_with(matches, &[selector]).await == true
    }

    /// Waits until such an element has the focus.
    pub async fn focuses(&self, selector: &str) {
        let what = format!("{selector} has the focus");
        wait_until(&what, || async {
            self.has_focus(selector).await.then_some(())
        })
        .await;
    }

    /// What has the focus, in words for a message.
    pub async fn focus(&self) -> String {
        self.js_text("focused()?.cloneNode(false).outerHTML ?? ''")
            .await
    }

    /// The text of what is to be seen.
    ///
    /// # Panics
    /// When it is gone again.
    pub async fn text(&self, selector: &str) -> String {
        self.see(selector).await;
        let text = self
            .js_with("$(args[0])?.innerText ?? ''", &[selector])
            .await;
        text.as_str().unwrap_or_default().trim().to_owned()
    }

    /// The texts of all such elements that are to be seen.
    pub async fn texts(&self, selector: &str) -> Vec<String> {
        let texts = "$$(args[0]).filter(isSeen).map((one) => one.innerText.trim())";
        strings(&self.js_with(texts, &[selector]).await)
    }

    /// An attribute of all such elements.
    pub async fn attributes(&self, selector: &str, name: &str) -> Vec<String> {
        let values = "$$(args[0]).map((one) => one.getAttribute(args[1]))";
        strings(&self.js_with(values, &[selector, name]).await)
    }

    /// A property of what is to be seen, as text.
    pub async fn property(&self, selector: &str, name: &str) -> String {
        self.see(selector).await;
        let value = self
            .js_with("String($(args[0])?.[args[1]])", &[selector, name])
            .await;
        value.as_str().unwrap_or_default().to_owned()
    }

    /// Waits until a text is in what is to be seen.
    pub async fn says(&self, selector: &str, text: &str) {
        let what = format!("{selector} says {text:?}");
        let says = "$(args[0])?.innerText.includes(args[1]) === true";
        wait_until(&what, || async {
            (self.js_with(says, &[selector, text]).await == true).then_some(())
        })
        .await;
    }

    /// Waits for the row of a token and gives the text of one of its cells.
    pub async fn cell(&self, name: &str, column: &str) -> String {
        wait_until(&format!("{name} is in the list"), || async {
            let cell = "row(args[0])?.querySelector(`[data-column=${args[1]}] .value`)?.innerText";
            let text = self.js_with(cell, &[name, column]).await;
            text.as_str().map(|text| text.trim().to_owned())
        })
        .await
    }

    /// Selector for a part of a token's row.
    ///
    /// # Panics
    /// When there is no such row.
    pub async fn in_row(&self, name: &str, part: &str) -> String {
        let id = wait_until(&format!("{name} is in the list"), || async {
            let id = self.js_with("row(args[0])?.dataset.id", &[name]).await;
            id.as_str().map(str::to_owned)
        })
        .await;
        format!("#tokens tr[data-id=\"{id}\"] {part}")
    }

    /// Opens the form of a new token.
    pub async fn open_form(&self) {
        self.click("#create-token").await;
        self.see("#token-name").await;
    }

    /// Creates a token with some scopes and stays on the view that shows it.
    pub async fn create(&self, name: &str, scopes: &[&str]) {
        self.open_form().await;
        self.paste("#token-name", name).await;
        for scope in scopes {
            self.click(&format!("input[name=scope][value=\"{scope}\"]"))
                .await;
        }
        self.click("#create-submit").await;
        self.see("#created-token").await;
    }

    /// Creates a token, takes it along and closes the view.
    pub async fn create_and_take(&self, name: &str, scopes: &[&str]) -> String {
        self.create(name, scopes).await;
        let token = self.property("#created-token", "value").await;
        self.click("#copy-token").await;
        self.says("#copy-token", "Copied").await;
        self.click("#created-done").await;
        self.gone("#create-dialog").await;
        token
    }

    /// Asks to revoke a token: the page asks back.
    pub async fn ask_to_revoke(&self, name: &str) {
        let button = self.in_row(name, ".revoke").await;
        self.click(&button).await;
    }

    /// Revokes a token and stays on the view that says so.
    pub async fn revoke(&self, name: &str) {
        self.ask_to_revoke(name).await;
        self.click("#revoke-confirm").await;
        self.see("#revoke-done").await;
    }

    /// Ends the session as time would: the cookie is gone.
    ///
    /// # Panics
    /// When it cannot be removed.
    pub async fn end_session(&self) {
        let cookies = self.client.delete_all_cookies().await;
        cookies.expect("cookies can be removed");
    }

    /// The test provokes refusals with this status.
    pub fn expect_refusal(&self, status: u16) {
        self.expect(&format!("the server responded with a status of {status} "));
    }

    /// The test cuts the connection.
    pub fn expect_failed_requests(&self) {
        self.expect("net::ERR_INTERNET_DISCONNECTED");
    }

    /// The test tries what the policy forbids.
    pub fn expect_violations(&self) {
        self.expect("Content Security Policy");
        self.expect("requires 'Trusted");
    }

    fn expect(&self, message: &str) {
        self.expected.borrow_mut().push(message.to_owned());
    }

    /// A picture of what is to be seen, in target/screenshots.
    ///
    /// # Panics
    /// When it cannot be written.
    pub async fn shoot(&self, name: &str) {
        let path = screenshots().join(format!("{name}.png"));
        let folder = path.parent().expect("it is in a folder");
        fs::create_dir_all(folder).expect("the folder can be made");
        // Right after scrolling, what sticks may not yet be drawn in its new place.
        let drawn = "const done = arguments[arguments.length - 1];
            requestAnimationFrame(() => requestAnimationFrame(done));";
        // A dialog of the browser makes both impossible; the test says that itself.
        let _ = self.client.execute_async(drawn, Vec::new()).await;
        if let Ok(picture) = self.client.screenshot().await {
            fs::write(&path, picture).expect("the picture can be written");
        }
    }

    /// What the console and the network tell is held against what every page must keep to.
    async fn behaved(&self) {
        let errors: Vec<String> = self
            .log("browser")
            .await
            .into_iter()
            .filter(|entry| !self.is_expected(entry))
            .map(|entry| entry["message"].to_string())
            .collect();
        assert!(errors.is_empty(), "the console is empty: {errors:#?}");
        let foreign = self.foreign_requests().await;
        assert!(
            foreign.is_empty(),
            "only its own origin is asked: {foreign:?}"
        );
    }

    /// The addresses of all requests that went elsewhere.
    async fn foreign_requests(&self) -> Vec<String> {
        let own = format!("{}/", self.base);
        // `chrome:` is what the browser shows before the first page.
        let local = [own.as_str(), "data:", "chrome:"];
        let requests: Vec<String> = self
            .log("performance")
            .await
            .iter()
            .filter_map(|entry| serde_json::from_str::<Value>(entry["message"].as_str()?).ok())
            .filter(|event| event["message"]["method"] == "Network.requestWillBeSent")
            .filter_map(|event| {
                let url = &event["message"]["params"]["request"]["url"];
                Some(url.as_str()?.to_owned())
            })
            .collect();
        assert!(
            requests.iter().any(|url| url.starts_with(&own)),
            "requests are seen"
        );
        requests
            .into_iter()
            .filter(|url| !local.iter().any(|start| url.starts_with(start)))
            .collect()
    }

    async fn log(&self, kind: &str) -> Vec<Value> {
        let log = self.client.issue_cmd(Command::log(kind)).await;
        let log = log.unwrap_or_else(|error| panic!("the log {kind}: {error}"));
        log.as_array().cloned().unwrap_or_default()
    }

    fn is_expected(&self, entry: &Value) -> bool {
        let message = entry["message"].as_str().unwrap_or_default();
        let expected = self.expected.borrow();
        expected.iter().any(|part| message.contains(part))
    }
}

fn screenshots() -> PathBuf {
    root().join("target/screenshots")
}

/// The texts in an array.
fn strings(value: &Value) -> Vec<String> {
    let all = value.as_array().into_iter().flatten();
    all.map(|one| one.as_str().unwrap_or_default().to_owned())
        .collect()
}
