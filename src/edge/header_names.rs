//! Which headers a request has: names that a browser sends, and names that forward-auth refuses.

use js_sys::{Array, JsString};
use patrol::{
    authorize::{
        credentials::BROWSER,
        decision::Denial,
        forwarding::{self, HeaderNames},
    },
    routes::Dialect,
};
use wasm_bindgen::prelude::wasm_bindgen;
use web_sys::Request;

#[wasm_bindgen(module = "/header_names.js")]
extern "C" {
    /// Header names to look for.
    pub(crate) type NameFilter;

    #[wasm_bindgen(js_name = nameFilter)]
    fn name_filter(any: &Array, lookalikes: &Array) -> NameFilter;

    #[wasm_bindgen(js_name = findName)]
    fn find_name(request: &Request, names: &NameFilter) -> Option<String>;
}

thread_local! {
    static REFUSED_BEHIND_PROXY: [(Dialect, NameFilter); 3] = Dialect::ALL
        .map(|dialect| (dialect, NameFilter::of(&forwarding::refused_behind_proxy(dialect))));
    static SENT_BY_BROWSERS: NameFilter = NameFilter::of(&HeaderNames::new(BROWSER, []));
}

impl NameFilter {
    pub(crate) fn of(wanted: &HeaderNames) -> Self {
        let texts = |names: &[String]| names.iter().map(|name| JsString::from(&**name)).collect();
        name_filter(&texts(&wanted.any), &texts(&wanted.lookalikes))
    }
}

/// Whether a browser sent the request.
pub(crate) fn is_browser(request: &Request) -> bool {
    SENT_BY_BROWSERS
        .with(|names| find_name(request, names))
        .is_some()
}

/// Returns a denial if a request that another proxy holds has a header that cannot be allowed there.
pub(crate) fn refused_behind_proxy(request: &Request, dialect: Dialect) -> Option<Denial> {
    let name = REFUSED_BEHIND_PROXY.with(|all| {
        let (_, names) = all.iter().find(|(other, _)| *other == dialect)?;
        find_name(request, names)
    })?;
    let name = forwarding::usual_spelling(&name).unwrap_or_default();
    Some(Denial::HeaderRefused(name))
}
