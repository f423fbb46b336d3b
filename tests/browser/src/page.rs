//! A page in a browser, and what a user does with it.
//!
//! Queries wait until their element is visible. Actions use the real mouse and keyboard, so they
//! fail if a user could not do them.

use crate::driver::{Browser, Command};
use fantoccini::{
    Client,
    actions::{InputSource as _, KeyAction, KeyActions},
    elements::{Element, ElementRef},
};
use futures_util::FutureExt as _;
use patrol_support::{System, browser::is_session, root, wait_until};
use serde_json::{Value, json};
use std::{cell::RefCell, fs, panic::AssertUnwindSafe, path::PathBuf};

/// The size of the browser and the user's color preferences.
#[derive(Debug, Clone, Copy)]
pub struct Appearance {
    /// The width of the viewport in CSS pixels.
    pub width: u32,
    /// The height of the viewport in CSS pixels.
    pub height: u32,
    /// `prefers-color-scheme: dark`
    pub dark: bool,
    /// `forced-colors: active`
    pub forced_colors: bool,
}

impl Default for Appearance {
    fn default() -> Self {
        Self {
            width: 1280,
            height: 900,
            dark: false,
            forced_colors: false,
        }
    }
}

/// Special keys in `WebDriver` (section 17.4.2, keyboard actions).
pub mod key {
    #![allow(missing_docs)]

    pub const TAB: char = '\u{e004}';
    pub const ENTER: char = '\u{e007}';
    pub const CONTROL: char = '\u{e009}';
    pub const ESCAPE: char = '\u{e00c}';
    pub const SPACE: char = ' ';
}

/// A page in a browser.
pub struct Page<'a> {
    /// The only origin that the page may send requests to.
    base: &'a str,
    system: Option<&'a System>,
    client: Client,
    /// Parts of expected console errors: the browser logs every error response.
    expected: RefCell<Vec<String>>,
    /// Other origins that a test opens.
    elsewhere: RefCell<Vec<String>>,
    /// The states that were too wide.
    unfit: RefCell<Vec<String>>,
}

/// Runs a test in a browser, then checks the console, the requests, and the widths that it noted.
///
/// # Panics
/// Panics if the test does, or if a check fails.
pub async fn visit(system: &System, appearance: Appearance, test: impl AsyncFnOnce(&Page<'_>)) {
    run(&system.url, Some(system), appearance, test).await;
}

/// Like [`visit`], for an address that is not a system's.
///
/// # Panics
/// Panics if the test does, or if a check fails.
pub async fn visit_at(base: &str, appearance: Appearance, test: impl AsyncFnOnce(&Page<'_>)) {
    run(base, None, appearance, test).await;
}

async fn run(
    base: &str,
    system: Option<&System>,
    appearance: Appearance,
    test: impl AsyncFnOnce(&Page<'_>),
) {
    let browser = Browser::start().await;
    let page = Page {
        base,
        system,
        client: browser.client.clone(),
        expected: RefCell::default(),
        elsewhere: RefCell::default(),
        unfit: RefCell::default(),
    };
    let whole = async {
        // The page's first request has no session.
        page.expect_status(401);
        page.set_appearance(appearance).await;
        test(&page).await;
        page.check_console_and_requests().await;
        let unfit = page.unfit.take();
        assert!(unfit.is_empty(), "too wide: {unfit:#?}");
    };
    let outcome = AssertUnwindSafe(whole).catch_unwind().await;
    let name = std::thread::current().name().unwrap_or("test").to_owned();
    let failed = format!("failed/{}", name.replace("::", "-"));
    if outcome.is_err() {
        page.screenshot(&failed).await;
    } else {
        // From an earlier run.
        let _ = fs::remove_file(screenshots().join(format!("{failed}.png")));
    }
    match outcome {
        Ok(()) => browser.reuse(),
        Err(panic) => {
            browser.close().await;
            std::panic::resume_unwind(panic);
        }
    }
}

impl Page<'_> {
    /// Sets size and color preferences. Turns off animations, for stable screenshots.
    pub async fn set_appearance(&self, appearance: Appearance) {
        let size = json!({
            "width": appearance.width, "height": appearance.height, "deviceScaleFactor": 1, "mobile": false,
        });
        self.devtools("Emulation.setDeviceMetricsOverride", size)
            .await;
        let scheme = if appearance.dark { "dark" } else { "light" };
        let forced = if appearance.forced_colors {
            "active"
        } else {
            "none"
        };
        let media = json!({ "features": [
            { "name": "prefers-color-scheme", "value": scheme },
            { "name": "prefers-reduced-motion", "value": "reduce" },
            { "name": "forced-colors", "value": forced },
        ] });
        self.devtools("Emulation.setEmulatedMedia", media).await;
        // Differs from UTC all year.
        let zone = json!({ "timezoneId": "Europe/Berlin" });
        self.devtools("Emulation.setTimezoneOverride", zone).await;
    }

    /// The system that serves the page.
    ///
    /// # Panics
    /// Panics after [`visit_at`].
    pub fn system(&self) -> &System {
        self.system.expect("a system serves the page")
    }

    /// Sends a command of the `DevTools` protocol.
    ///
    /// # Panics
    /// Panics if it fails.
    pub async fn devtools(&self, name: &str, params: Value) -> Value {
        let command = Command::devtools(name, params);
        let answer = self.client.issue_cmd(command).await;
        answer.unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// Opens a path.
    ///
    /// # Panics
    /// Panics if the server does not respond.
    pub async fn goto(&self, path: &str) {
        let url = format!("{}{path}", self.base);
        self.client.goto(&url).await.expect("the page loads");
    }

    /// Opens a path at another origin.
    ///
    /// # Panics
    /// Panics if the server does not respond.
    pub async fn goto_elsewhere(&self, origin: &str, path: &str) {
        self.expect_requests_to(origin);
        let url = format!("{origin}{path}");
        self.client.goto(&url).await.expect("the page loads");
    }

    /// Allows requests to another origin.
    pub fn expect_requests_to(&self, origin: &str) {
        self.elsewhere.borrow_mut().push(format!("{origin}/"));
    }

    /// Acts in the window that was opened last, and closes it.
    ///
    /// # Panics
    /// Panics if there is no other window.
    pub async fn in_new_window(&self, act: impl AsyncFnOnce()) {
        let own = self.client.window().await.expect("a window");
        let new = wait_until("there is a new window", async || {
            let windows = self.client.windows().await.ok()?;
            windows.into_iter().find(|window| *window != own)
        })
        .await;
        let switched = self.client.switch_to_window(new).await;
        switched.expect("the new window");
        act().await;
        self.client.close_window().await.expect("it closes");
        let back = self.client.switch_to_window(own).await;
        back.expect("the first window");
    }

    /// The session as a `Cookie` header, whichever path it is for.
    pub async fn session_cookie(&self) -> Option<String> {
        let cookies = self.devtools("Network.getAllCookies", json!({})).await;
        let cookies = cookies["cookies"].as_array().into_iter().flatten();
        let mut pairs = cookies.filter_map(|one| Some((one["name"].as_str()?, &one["value"])));
        let (name, value) = pairs.find(|(name, _)| is_session(name))?;
        Some(format!("{name}={}", value.as_str()?))
    }

    /// What the user has copied: pastes it into a field of its own. No dialog may be open.
    pub async fn clipboard(&self) -> String {
        let field = "document.body.appendChild(document.createElement('input'))";
        self.eval(&format!(
            "Object.assign({field}, {{ id: 'pasted' }}).focus()"
        ))
        .await;
        self.chord(&[key::CONTROL, 'v']).await;
        let text = wait_until("the clipboard is pasted", async || {
            let text = self.property("#pasted", "value").await;
            (!text.is_empty()).then_some(text)
        })
        .await;
        self.eval("$('#pasted').remove()").await;
        text
    }

    /// Adds a header to all requests of the tab, as a proxy in front of the system does.
    pub async fn add_header(&self, name: &str, value: &str) {
        self.devtools("Network.enable", json!({})).await;
        let headers = json!({ "headers": { name: value } });
        self.devtools("Network.setExtraHTTPHeaders", headers).await;
    }

    /// Opens a path and signs in when the page asks for it.
    pub async fn sign_in(&self, user: &str, path: &str) {
        self.goto(path).await;
        self.click(&format!(".sign-in [data-user={user}]")).await;
        self.wait_for("#user").await;
    }

    /// Signs in and opens the list of tokens.
    pub async fn open_tokens(&self, user: &str) {
        self.sign_in(user, "/profile/security").await;
        self.wait_for_list().await;
    }

    /// Waits until the list has loaded.
    pub async fn wait_for_list(&self) {
        self.wait_for("#create-token:not([disabled])").await;
    }

    /// The current address.
    ///
    /// # Panics
    /// Panics if the browser does not respond.
    pub async fn address(&self) -> String {
        let url = self.client.current_url().await.expect("an address");
        url.to_string()
    }

    /// The path of the current address.
    ///
    /// # Panics
    /// Panics if the browser does not respond.
    pub async fn path(&self) -> String {
        let url = self.client.current_url().await.expect("an address");
        url.path().to_owned()
    }

    /// Reloads the page.
    ///
    /// # Panics
    /// Panics if that fails.
    pub async fn reload(&self) {
        self.client
            .refresh()
            .await
            .expect("the page can be reloaded");
    }

    /// Presses the browser's back button.
    ///
    /// # Panics
    /// Panics if that fails.
    pub async fn back(&self) {
        self.client.back().await.expect("the browser goes back");
    }

    /// Evaluates a JavaScript expression, which can use the functions of queries.js.
    ///
    /// # Panics
    /// Panics if it throws.
    pub async fn eval(&self, expression: &str) -> Value {
        self.eval_with(expression, &[]).await
    }

    /// Evaluates an expression that uses `args`.
    ///
    /// # Panics
    /// Panics if it throws.
    pub async fn eval_with(&self, expression: &str, args: &[&str]) -> Value {
        let script = format!(
            "{}const args = arguments; return ({expression});",
            include_str!("queries.js")
        );
        let args = args.iter().map(|&arg| json!(arg)).collect();
        let value = self.client.execute(&script, args).await;
        value.unwrap_or_else(|error| panic!("{expression}: {error}"))
    }

    /// Runs a function body that passes its result to its last argument.
    ///
    /// # Panics
    /// Panics if it throws.
    pub async fn eval_async(&self, script: &str) -> Value {
        let value = self.client.execute_async(script, Vec::new()).await;
        value.unwrap_or_else(|error| panic!("a script failed: {error}"))
    }

    /// Evaluates an expression and returns its value as text.
    pub async fn eval_text(&self, expression: &str) -> String {
        let value = self.eval(expression).await;
        value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned)
    }

    /// Waits until an expression is true.
    pub async fn wait_until(&self, what: &str, expression: &str) {
        wait_until(what, || async {
            (self.eval(expression).await == true).then_some(())
        })
        .await;
    }

    /// Waits until an element is visible.
    pub async fn wait_for(&self, selector: &str) -> Element {
        let what = format!("{selector} is visible");
        wait_until(&what, || self.find(selector)).await
    }

    async fn find(&self, selector: &str) -> Option<Element> {
        let found = self.eval_with("$(args[0])", &[selector]).await;
        let id = found.as_object()?.values().next()?.as_str()?.to_owned();
        Some(Element::from_element_id(
            self.client.clone(),
            ElementRef::from(id),
        ))
    }

    /// Waits until no such element is visible.
    pub async fn wait_until_gone(&self, selector: &str) {
        let what = format!("{selector} is gone");
        wait_until(&what, || async {
            self.find(selector).await.is_none().then_some(())
        })
        .await;
    }

    /// Counts elements, visible or not.
    ///
    /// # Panics
    /// Never panics in practice.
    pub async fn count(&self, selector: &str) -> u64 {
        let count = self.eval_with("$$(args[0]).length", &[selector]).await;
        count.as_u64().expect("a number")
    }

    /// Clicks an element. Retries while the element moves or is replaced.
    pub async fn click(&self, selector: &str) {
        let what = format!("{selector} can be clicked");
        wait_until(&what, || async {
            self.find(selector).await?.click().await.ok()
        })
        .await;
    }

    /// Moves the pointer to a corner, where nothing reacts to it.
    pub async fn move_pointer_away(&self) {
        let corner = json!({ "type": "mouseMoved", "x": 0, "y": 0 });
        self.devtools("Input.dispatchMouseEvent", corner).await;
    }

    /// Makes requests to matching addresses fail like a lost connection; `None` ends that.
    pub async fn block(&self, pattern: Option<&str>) {
        self.expect("net::ERR_BLOCKED_BY_CLIENT");
        self.devtools("Network.enable", json!({})).await;
        let urls = json!({ "urls": pattern.as_slice() });
        self.devtools("Network.setBlockedURLs", urls).await;
    }

    /// Loses the answers to requests with this method and an address that ends so: the server handles them,
    /// but the page sees a lost connection.
    pub async fn lose_answers(&self, method: &str, end: &str) {
        let lose = "((real) => { window.fetch = async (url, init) => { \
                        const response = await real(url, init); \
                        if (init.method !== args[0] || !url.endsWith(args[1])) return response; \
                        throw new TypeError('the answer is lost'); }; \
                    window.restoreFetch = () => { window.fetch = real; }; })(fetch.bind(window))";
        self.eval_with(lose, &[method, end]).await;
    }

    /// Ends [`Self::lose_answers`].
    pub async fn deliver_answers(&self) {
        self.eval("window.restoreFetch()").await;
    }

    /// Holds back what the page reads from the API from now on, as a slow network does.
    pub async fn hold_reads(&self) {
        self.eval(
            "((send, held) => {
                window.releaseReads = held.resolve;
                window.fetch = async (address, options) => {
                    if ((options?.method ?? 'GET') === 'GET') await held.promise;
                    return send(address, options);
                };
            })(window.fetch, Promise.withResolvers())",
        )
        .await;
    }

    /// Lets the page read what [`Page::hold_reads`] held back.
    pub async fn release_reads(&self) {
        self.eval("releaseReads()").await;
    }

    /// Returns to the tab after a minute, by moving the page's clock.
    pub async fn return_after_a_minute(&self) {
        self.eval(
            "((now) => (Date.now = () => now() + 60_000))(Date.now.bind(Date)) && \
                 document.dispatchEvent(new Event('visibilitychange'))",
        )
        .await;
    }

    /// Closes a form with entries and confirms.
    pub async fn discard_form(&self) {
        self.click("#create-form .dialog-foot .button:not(.primary)")
            .await;
        self.click("#leave-anyway").await;
        self.wait_until_gone("#create-dialog").await;
    }

    /// Types at the end of a field.
    ///
    /// # Panics
    /// Panics if the field takes no text.
    pub async fn type_into(&self, selector: &str, text: &str) {
        let field = self.wait_for(selector).await;
        let typed = field.send_keys(text).await;
        typed.unwrap_or_else(|error| panic!("{selector} takes text: {error}"));
    }

    /// Replaces the content of a field, as pasting does. This is faster than typing long texts.
    pub async fn paste(&self, selector: &str, text: &str) {
        self.wait_for(selector).await;
        let paste = "($(args[0]).focus(), $(args[0]).select(), \
                     document.execCommand('insertText', false, args[1]))";
        self.eval_with(paste, &[selector, text]).await;
    }

    /// Chooses an option of a select element.
    ///
    /// # Panics
    /// Panics if there is no such option.
    pub async fn choose(&self, selector: &str, value: &str) {
        let chosen = self.wait_for(selector).await.select_by_value(value).await;
        chosen.unwrap_or_else(|error| panic!("{selector} has {value}: {error}"));
    }

    /// Presses keys one after the other.
    ///
    /// # Panics
    /// Panics if that fails.
    pub async fn press(&self, keys: &[char]) {
        for &value in keys {
            self.chord(&[value]).await;
        }
    }

    /// Presses keys together.
    ///
    /// # Panics
    /// Panics if that fails.
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

    /// Types into the focused element.
    pub async fn type_text(&self, text: &str) {
        for letter in text.chars() {
            self.press(&[letter]).await;
        }
    }

    /// Presses Tab until an element has the focus.
    ///
    /// # Panics
    /// Panics if Tab does not reach it.
    pub async fn tab_to(&self, selector: &str) {
        for _ in 0..60 {
            self.press(&[key::TAB]).await;
            if self.has_focus(selector).await {
                return;
            }
        }
        panic!(
            "{selector} cannot be reached; the focus is on {}",
            self.focused_element().await
        );
    }

    /// Whether an element has the focus.
    pub async fn has_focus(&self, selector: &str) -> bool {
        let matches = "focusedElement()?.matches(args[0]) === true";
        self.eval_with(matches, &[selector]).await == true
    }

    /// Waits until an element has the focus.
    pub async fn wait_for_focus(&self, selector: &str) {
        let what = format!("{selector} has the focus");
        wait_until(&what, || async {
            self.has_focus(selector).await.then_some(())
        })
        .await;
    }

    /// The start tag of the focused element, for messages.
    pub async fn focused_element(&self) -> String {
        self.eval_text("focusedElement()?.cloneNode(false).outerHTML ?? ''")
            .await
    }

    /// The text of a visible element.
    ///
    /// # Panics
    /// Panics if it disappears again.
    pub async fn text(&self, selector: &str) -> String {
        self.wait_for(selector).await;
        let text = self
            .eval_with("$(args[0])?.innerText ?? ''", &[selector])
            .await;
        text.as_str().unwrap_or_default().trim().to_owned()
    }

    /// The texts of all visible elements.
    pub async fn texts(&self, selector: &str) -> Vec<String> {
        let texts = "$$(args[0]).filter(isVisible).map((one) => one.innerText.trim())";
        strings(&self.eval_with(texts, &[selector]).await)
    }

    /// An attribute of all elements, visible or not.
    pub async fn attributes(&self, selector: &str, name: &str) -> Vec<String> {
        let values = "$$(args[0]).map((one) => one.getAttribute(args[1]))";
        strings(&self.eval_with(values, &[selector, name]).await)
    }

    /// A property of a visible element, as text.
    pub async fn property(&self, selector: &str, name: &str) -> String {
        self.wait_for(selector).await;
        let value = self
            .eval_with("String($(args[0])?.[args[1]])", &[selector, name])
            .await;
        value.as_str().unwrap_or_default().to_owned()
    }

    /// Waits until a visible element contains a text.
    pub async fn wait_for_text(&self, selector: &str, text: &str) {
        let what = format!("{selector} says {text:?}");
        let says = "$(args[0])?.innerText.includes(args[1]) === true";
        wait_until(&what, || async {
            (self.eval_with(says, &[selector, text]).await == true).then_some(())
        })
        .await;
    }

    /// Waits for a token's row and returns the text of a cell.
    pub async fn cell(&self, name: &str, column: &str) -> String {
        wait_until(&format!("{name} is in the list"), || async {
            let cell =
                "tokenRow(args[0])?.querySelector(`[data-column=${args[1]}] .value`)?.innerText";
            let text = self.eval_with(cell, &[name, column]).await;
            text.as_str().map(|text| text.trim().to_owned())
        })
        .await
    }

    /// Waits for a token's row and returns a selector for a part of it.
    ///
    /// # Panics
    /// Panics if there is no such row.
    pub async fn row_selector(&self, name: &str, part: &str) -> String {
        let id = wait_until(&format!("{name} is in the list"), || async {
            let id = self
                .eval_with("tokenRow(args[0])?.dataset.id", &[name])
                .await;
            id.as_str().map(str::to_owned)
        })
        .await;
        format!("#tokens tr[data-id=\"{id}\"] {part}")
    }

    /// Opens the form that creates a token.
    pub async fn open_form(&self) {
        self.click("#create-token").await;
        self.wait_for("#token-name").await;
    }

    /// Creates a token and stays on the view that shows it.
    pub async fn create(&self, name: &str, scopes: &[&str]) {
        self.open_form().await;
        self.paste("#token-name", name).await;
        for scope in scopes {
            self.click(&format!("input[name=scope][value=\"{scope}\"]"))
                .await;
        }
        self.click("#create-submit").await;
        self.wait_for("#created-token").await;
    }

    /// Creates a token, copies it and closes the dialog.
    pub async fn create_and_copy(&self, name: &str, scopes: &[&str]) -> String {
        self.create(name, scopes).await;
        let token = self.property("#created-token", "value").await;
        self.click("#copy-token").await;
        self.wait_for_text("#copy-token", "Copied").await;
        self.click("#created-done").await;
        self.wait_until_gone("#create-dialog").await;
        token
    }

    /// Opens the dialog that revokes a token.
    pub async fn open_revoke_dialog(&self, name: &str) {
        let button = self.row_selector(name, ".revoke").await;
        self.click(&button).await;
    }

    /// Revokes a token and stays in the dialog.
    pub async fn revoke(&self, name: &str) {
        self.open_revoke_dialog(name).await;
        self.click("#revoke-confirm").await;
        self.wait_for("#revoke-done").await;
    }

    /// Removes the session cookie, as if it had expired.
    ///
    /// # Panics
    /// Panics if that fails.
    pub async fn expire_session(&self) {
        let cookies = self.client.delete_all_cookies().await;
        cookies.expect("cookies can be removed");
    }

    /// Notes what reaches beyond the viewport's sides (WCAG 2.2, 1.4.10): the test fails at its end. What
    /// scrolls or is cut off inside a box of its own may be wider: the token, commands, and truncated
    /// names.
    pub async fn expect_to_fit(&self, state: &str) {
        let outside = "outside().map((one) => one.cloneNode(false).outerHTML)";
        let outside = strings(&self.eval(outside).await);
        let is_wide = "document.documentElement.scrollWidth > innerWidth";
        if !outside.is_empty() || self.eval(is_wide).await == true {
            let unfit = format!("{state}: {outside:#?}");
            eprintln!("too wide: {unfit}");
            self.unfit.borrow_mut().push(unfit);
        }
    }

    /// Runs a script in every document that is opened from now on, before its own scripts.
    pub async fn before_scripts(&self, source: &str) {
        let script = json!({ "source": source });
        self.devtools("Page.addScriptToEvaluateOnNewDocument", script)
            .await;
    }

    /// Allows console errors about responses with this status.
    pub fn expect_status(&self, status: u16) {
        self.expect(&format!("the server responded with a status of {status} "));
    }

    /// Allows console errors about a lost connection.
    pub fn expect_failed_requests(&self) {
        self.expect("net::ERR_INTERNET_DISCONNECTED");
    }

    /// Allows console errors about violations of the security policy.
    pub fn expect_policy_violations(&self) {
        self.expect("Content Security Policy");
        self.expect("requires 'Trusted");
    }

    fn expect(&self, message: &str) {
        self.expected.borrow_mut().push(message.to_owned());
    }

    /// Takes a screenshot into target/screenshots.
    ///
    /// # Panics
    /// Panics if it cannot be written.
    pub async fn screenshot(&self, name: &str) {
        let path = screenshots().join(format!("{name}.png"));
        let folder = path.parent().expect("it is in a folder");
        fs::create_dir_all(folder).expect("the folder can be made");
        // Right after scrolling, sticky elements may not be drawn in their new position yet.
        let drawn = "const done = arguments[arguments.length - 1];
            requestAnimationFrame(() => requestAnimationFrame(done));";
        // A dialog of the browser makes both fail.
        let _ = self.client.execute_async(drawn, Vec::new()).await;
        if let Ok(picture) = self.client.screenshot().await {
            fs::write(&path, picture).expect("the picture can be written");
        }
    }

    /// Fails if the console has unexpected errors or the page sent requests to other origins.
    async fn check_console_and_requests(&self) {
        let errors: Vec<String> = self
            .log("browser")
            .await
            .into_iter()
            .filter(|entry| !self.is_expected(entry))
            .map(|entry| entry["message"].to_string())
            .collect();
        assert!(errors.is_empty(), "console errors: {errors:#?}");
        let foreign = self.foreign_requests().await;
        assert!(foreign.is_empty(), "requests to other origins: {foreign:?}");
    }

    /// The addresses of all requests to other origins.
    async fn foreign_requests(&self) -> Vec<String> {
        let own = format!("{}/", self.base);
        // Before the first page, the browser loads `chrome:` pages.
        let mut local = vec![own.as_str(), "data:", "chrome:"];
        let elsewhere = self.elsewhere.borrow().clone();
        local.extend(elsewhere.iter().map(String::as_str));
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
            "the log has requests"
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

/// The strings of a JSON array.
fn strings(value: &Value) -> Vec<String> {
    let all = value.as_array().into_iter().flatten();
    all.map(|one| one.as_str().unwrap_or_default().to_owned())
        .collect()
}
