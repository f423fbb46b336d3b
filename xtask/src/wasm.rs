//! Turns a crate into a WebAssembly module with its JavaScript: cargo, wasm-bindgen (as a
//! library), wasm-opt and esbuild.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use wasm_bindgen_cli_support::Bindgen;

use crate::cargo;
use crate::console::{Progress, say};
use crate::fingerprint::Fingerprint;
use crate::paths::{root, target_dir};
use crate::process;
use crate::tools::{self, npm_tool};
use crate::variant::{Profile, Variant};

/// A script for the runtime: a crate and its JavaScript entry.
pub(crate) struct Script {
    /// For messages.
    pub(crate) name: String,
    pub(crate) package: &'static str,
    /// Relative to the root of the checkout.
    pub(crate) entry: &'static str,
    pub(crate) folder: PathBuf,
    pub(crate) fingerprint: Fingerprint,
}

/// Every entry imports this module: it replaces an instance that has crashed.
const RESTART: &str = "src/platform/restart.js";

impl Script {
    /// Builds the script from the compiled crate.
    pub(crate) fn finish(&self, variant: &Variant) -> Result<()> {
        let parts = self.folder.join("parts");
        // Files of an earlier build could be bundled again.
        let _ = fs::remove_dir_all(&parts);
        fs::create_dir_all(&parts).with_context(|| format!("cannot create {}", parts.display()))?;
        let mut bindgen = Bindgen::new();
        bindgen
            .input_path(compiled(self.package, variant.profile.name())?)
            .out_name("index")
            .typescript(false);
        bindgen.module(true)?;
        // restart.js needs both.
        bindgen
            .reset_state_function(true)
            .force_enable_abort_handler(true);
        bindgen.generate(&parts).context("wasm-bindgen failed")?;

        let glue = parts.join("index.js");
        let text = fs::read_to_string(&glue)
            .with_context(|| format!("wasm-bindgen did not write {}", glue.display()))?;
        fs::write(&glue, adapt_glue(&text)?)
            .with_context(|| format!("cannot write {}", glue.display()))?;
        for (from, to) in [(self.entry, "entry.js"), (RESTART, "restart.js")] {
            fs::copy(root()?.join(from), parts.join(to))
                .with_context(|| format!("cannot copy {from}"))?;
        }

        let module = parts.join("index_bg.wasm");
        if variant.profile == Profile::Release {
            // Exceptions report a crash.
            let options = ["-O3", FEW_INLINED, "--enable-exception-handling"];
            optimize(&options, &module, &module)?;
        }
        let bundle = parts.join("bundle.js");
        esbuild(&[
            &parts.join("entry.js").display().to_string(),
            "--bundle",
            "--format=esm",
            "--minify",
            "--external:./index_bg.wasm",
            "--external:./policy.json",
            "--external:cloudflare:*",
            "--external:node:*",
            &format!("--outfile={}", bundle.display()),
        ])?;
        // A runtime that watches the folder must never read half a file or a mismatched pair.
        let outputs = [
            (module, self.folder.join("index_bg.wasm")),
            (bundle, self.folder.join("index.js")),
        ];
        for (from, to) in &outputs {
            fs::rename(from, to).with_context(|| format!("cannot write {}", to.display()))?;
        }
        fs::remove_dir_all(&parts).with_context(|| format!("cannot remove {}", parts.display()))?;
        print_size(&self.name, variant, &outputs.map(|(_, to)| to))
    }
}

/// The start of a line in the glue's table of imported modules: `"<module>": import<number>,`.
const SNIPPET: &str = "\"./snippets/";

/// How a closure of the glue finds out that its instance has been replaced.
const STALE: &str = "if (state.instance !== __wbg_instance_id) {";

/// Adapts wasm-bindgen's glue to the runtime and its bundler.
///
/// The runtime does not know the proposed `import source`. And wasm-bindgen lists an imported
/// JavaScript module once for each function that needs no conversion of its arguments, so the
/// table of modules repeats a key, and each bundler warns of it. Only the first entry stays; all
/// of them name the same module.
///
/// A closure compares its instance with the current one, and only then lets the glue replace an
/// instance that has crashed. So the first closure after a crash would run in the new instance
/// with pointers into the old one's memory. Here the order is turned around.
fn adapt_glue(glue: &str) -> Result<String> {
    let text = glue.replacen("import source wasmModule", "import wasmModule", 1);
    if text == glue {
        bail!("wasm-bindgen's glue imports the module in an unknown way; see xtask/src/wasm.rs");
    }
    let text = text.replace(STALE, &format!("__wbg_call_guard();\n{STALE}"));
    if text.contains("Closure(arg0, arg1, f)") && !text.contains(STALE) {
        bail!("wasm-bindgen's glue checks closures in an unknown way; see xtask/src/wasm.rs");
    }
    let mut modules = HashSet::new();
    let mut adapted = String::new();
    for line in text.split_inclusive('\n') {
        let entry = line.trim_start();
        let is_repeated = entry.starts_with(SNIPPET) && !modules.insert(entry.split("\": ").next());
        if !is_repeated {
            adapted.push_str(line);
        }
    }
    Ok(adapted)
}

/// Builds the browser's form module from the compiled crate.
pub(crate) fn finish_form(package: &str, variant: &Variant) -> Result<()> {
    let folder = variant.form();
    bind_form(&compiled(package, form_profile(variant.profile))?, folder)?;
    let (module, glue) = (folder.join("form_bg.wasm"), folder.join("form.js"));
    if variant.profile == Profile::Release {
        let options = [
            "-Oz",
            FEW_INLINED,
            // Nobody reads these sections after the build.
            "--strip-producers",
            "--strip-target-features",
        ];
        optimize(&options, &module, &module)?;
    }
    // Drops the comments; form.d.ts has them too.
    esbuild(&[
        &glue.display().to_string(),
        "--minify",
        "--format=esm",
        "--target=es2022",
        "--allow-overwrite",
        &format!("--outfile={}", glue.display()),
    ])?;
    print_size("form", variant, &[module, glue])
}

/// Runs wasm-bindgen on the browser's module.
fn bind_form(module: &Path, folder: &Path) -> Result<()> {
    let mut bindgen = Bindgen::new();
    bindgen
        .input_path(module)
        .out_name("form")
        .typescript(true)
        // `init()` finds the module beside its script.
        .omit_default_module_path(false);
    bindgen.web(true)?;
    bindgen.generate(folder).context("wasm-bindgen failed")
}

/// Writes the type declarations of the browser's module, `form.d.ts`, and nothing else of it. Checking
/// the page's JavaScript needs no optimized module.
pub(crate) fn declare_form(package: &str, variant: &Variant, progress: &Progress) -> Result<()> {
    const TYPES: &str = "form.d.ts";
    compile(&[package], Profile::Dev.name(), progress)?;
    let scratch = target_dir()?.join("xtask/form-types");
    bind_form(&compiled(package, Profile::Dev.name())?, &scratch)?;
    let folder = variant.form();
    fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let types = folder.join(TYPES);
    fs::copy(scratch.join(TYPES), &types)
        .with_context(|| format!("cannot write {}", types.display()))?;
    Ok(())
}

/// The form is downloaded, so it has its own release profile.
pub(crate) fn form_profile(profile: Profile) -> &'static str {
    match profile {
        Profile::Dev => "dev",
        Profile::Release => "form",
    }
}

/// Compiles crates to WebAssembly in one call, so shared dependencies always have the same features.
pub(crate) fn compile(packages: &[&str], profile: &str, progress: &Progress) -> Result<()> {
    let mut cargo = cargo::command(&["build", "--profile", profile, "--target", tools::WASM])?;
    for package in packages {
        cargo.args(["--package", package]);
    }
    cargo
        .arg("--config")
        .arg(without_paths()?)
        // Makes wasm-bindgen use the futures of js-sys.
        .env("WASM_BINDGEN_USE_JS_SYS", "1");
    cargo::build(
        cargo,
        &format!("the build of {}", packages.join(", ")),
        progress,
    )
}

/// Where cargo puts a compiled crate.
fn compiled(package: &str, profile: &str) -> Result<PathBuf> {
    let folder = if profile == "dev" { "debug" } else { profile };
    let name = format!("{}.wasm", package.replace('-', "_"));
    Ok(target_dir()?.join(tools::WASM).join(folder).join(name))
}

/// By default a function with one caller is inlined whatever its size. That saves bytes, but gzip
/// finds fewer repetitions in long functions with many locals.
const FEW_INLINED: &str = "--one-caller-inline-max-function-size=20";

fn optimize(options: &[&str], from: &Path, to: &Path) -> Result<()> {
    let mut opt = process::command(npm_tool("wasm-opt")?)?;
    opt.env("PATH", tools::search_path()?)
        .args(options)
        .args(FEATURES)
        .arg("-o")
        .args([to, from]);
    process::run_quietly(opt, "wasm-opt")
}

/// The features that the Rust compiler itself uses for the target, and so wasm-opt may use too. By
/// default it would use more than browsers and workerd load without a flag.
const FEATURES: [&str; 6] = [
    "--enable-bulk-memory",
    "--enable-multivalue",
    "--enable-mutable-globals",
    "--enable-nontrapping-float-to-int",
    "--enable-reference-types",
    "--enable-sign-ext",
];

/// Runs esbuild in the checkout.
pub(crate) fn esbuild(arguments: &[&str]) -> Result<()> {
    let mut esbuild = process::command(npm_tool("esbuild")?)?;
    esbuild
        .env("PATH", tools::search_path()?)
        .current_dir(root()?)
        .arg("--log-level=warning")
        .args(arguments);
    process::run_quietly(esbuild, "esbuild")
}

/// A cargo setting that removes this machine's paths from panic messages. The module gets smaller,
/// and the same wherever it is built.
fn without_paths() -> Result<String> {
    let mut folders = vec![root()?];
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let user = std::env::var_os("HOME").map(|home| Path::new(&home).join(".cargo"));
    if let Some(cargo) = home.or(user) {
        let registries = fs::read_dir(cargo.join("registry/src"))
            .into_iter()
            .flatten();
        folders.extend(registries.flatten().map(|entry| entry.path()));
    }
    let flags: Vec<String> = folders
        .iter()
        .map(|folder| format!("--remap-path-prefix={}=.", folder.display()))
        .collect();
    // Rust formats a list of strings as TOML does.
    Ok(format!("target.{}.rustflags={flags:?}", tools::WASM))
}

fn print_size(name: &str, variant: &Variant, files: &[PathBuf]) -> Result<()> {
    if variant.profile == Profile::Release {
        let (raw, compressed) = sizes(files)?;
        let kilobytes = |bytes: usize| format!("{}.{}", bytes / 1000, bytes / 100 % 10);
        let (raw, compressed) = (kilobytes(raw), kilobytes(compressed));
        say(format_args!(
            "built {name}: {raw} KB, {compressed} KB with gzip"
        ));
    }
    Ok(())
}

/// The total size of some files in bytes, raw and with gzip.
pub(crate) fn sizes(files: &[PathBuf]) -> Result<(usize, usize)> {
    /// Bytes of gzip header and trailer (RFC 1952, section 2.3).
    const GZIP_FRAME: usize = 18;
    let (mut raw, mut compressed) = (0, 0);
    for file in files {
        let bytes = fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
        raw += bytes.len();
        compressed += miniz_oxide::deflate::compress_to_vec(&bytes, 9).len() + GZIP_FRAME;
    }
    Ok((raw, compressed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn glue_imports_each_module_once() {
        let glue = r#"
            import source wasmModule from "./index_bg.wasm"
            import * as import1 from "./snippets/edge/forward.js"
            import * as import2 from "./snippets/edge/forward.js"
            return {
                "./index_bg.js": import0,
                "./snippets/edge/forward.js": import1,
                "./snippets/edge/forward.js": import2,
                "./snippets/edge/identity.js": import3,
            };
        "#;
        let expected = r#"
            import wasmModule from "./index_bg.wasm"
            import * as import1 from "./snippets/edge/forward.js"
            import * as import2 from "./snippets/edge/forward.js"
            return {
                "./index_bg.js": import0,
                "./snippets/edge/forward.js": import1,
                "./snippets/edge/identity.js": import3,
            };
        "#;
        assert_eq!(adapt_glue(glue).expect("known glue"), expected);
    }

    #[test]
    fn glue_replaces_a_crashed_instance_before_a_closure_compares_it() {
        let glue = "import source wasmModule from \"m\"
            function makeMutClosure(arg0, arg1, f) {
                if (state.instance !== __wbg_instance_id) {";
        let adapted = adapt_glue(glue).expect("known glue");
        let guard = adapted.find("__wbg_call_guard();").expect("a guard");
        assert!(guard < adapted.find("state.instance").expect("a comparison"));
    }

    #[test]
    fn glue_in_an_unknown_form_is_rejected() {
        assert!(adapt_glue("const wasmModule = fetch()").is_err());
        let unchecked = "import source wasmModule; function makeClosure(arg0, arg1, f) {";
        assert!(adapt_glue(unchecked).is_err());
    }
}
