//! The wrangler configurations of a development system.
//!
//! They are derived from `wrangler.toml` and `wrangler.origin.toml`, so bindings, migrations and
//! dates are written once. Only what depends on the machine changes: the build command goes (the
//! Workers are already built), paths become absolute, and variables get local addresses. Each
//! configuration has its own folder in the state folder, because wrangler looks for `.dev.vars`
//! next to it.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use toml::{Table, Value};

use crate::keygen::{create_secret, keys};
use crate::paths::root;
use crate::variant::Worker;

/// Writes a Worker's configuration below `folder` and returns its path.
pub(crate) fn write(
    worker: Worker,
    workers: &Path,
    page: &Path,
    folder: &Path,
    vars: &[(String, String)],
) -> Result<PathBuf> {
    let source = root()?.join(worker.config());
    let text =
        fs::read_to_string(&source).with_context(|| format!("cannot read {}", source.display()))?;
    let table: Table = text
        .parse()
        .with_context(|| format!("cannot parse {}", source.display()))?;
    let main = workers.join(worker.name()).join("index.js");
    let derived = derive(table, &main, page, vars);

    let folder = folder.join(worker.name());
    fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let path = folder.join("wrangler.toml");
    let text = format!(
        "# Generated from {} by `cargo xtask dev`.\n{derived}",
        worker.config()
    );
    fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
    if worker == Worker::Origin {
        let secrets = folder.join(".dev.vars");
        // Written once: with new keys at each start, no token would survive a restart.
        if !secrets.exists() {
            create_secret(&secrets, &keys()?)?;
        }
    }
    Ok(path)
}

fn derive(mut table: Table, main: &Path, page: &Path, vars: &[(String, String)]) -> Table {
    let text = |path: &Path| Value::String(path.to_string_lossy().into_owned());
    table.remove("build");
    table.insert("main".to_owned(), text(main));
    if let Some(directory) = table
        .get_mut("assets")
        .and_then(|assets| assets.get_mut("directory"))
    {
        *directory = text(page);
    }
    let all = table
        .entry("vars")
        .or_insert_with(|| Value::Table(Table::new()));
    if let Some(all) = all.as_table_mut() {
        for (name, value) in vars {
            all.insert(name.clone(), Value::String(value.clone()));
        }
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn derived_config_changes_only_what_depends_on_the_machine() {
        let source = r#"
            name = "worker"
            main = "build/worker/index.js"
            [build]
            command = "make"
            [assets]
            directory = "build/www"
            [vars]
            PUBLIC_URL = "https://example.com"
            REGISTRIES = "16"
            [[migrations]]
            tag = "v1"
            new_sqlite_classes = ["Registry"]
        "#;
        let expected = r#"
            name = "worker"
            main = "/built/index.js"
            [assets]
            directory = "/built/www"
            [vars]
            PUBLIC_URL = "http://127.0.0.1:1"
            REGISTRIES = "16"
            [[migrations]]
            tag = "v1"
            new_sqlite_classes = ["Registry"]
        "#;
        let source: Table = source.parse().expect("a table");
        let expected: Table = expected.parse().expect("a table");
        let vars = [("PUBLIC_URL".to_owned(), "http://127.0.0.1:1".to_owned())];
        let (main, page) = (Path::new("/built/index.js"), Path::new("/built/www"));
        assert_eq!(derive(source, main, page, &vars), expected);
    }
}
