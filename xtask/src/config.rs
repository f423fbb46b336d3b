//! The wrangler configurations of a running development system.
//!
//! They are derived from the two `wrangler.toml` of the checkout, so that bindings,
//! migrations and dates have one place. Changed is only what belongs to the machine:
//! no build command (the Workers are built already), absolute paths, and the
//! variables with the addresses. Each configuration gets a folder of its own in the
//! state folder, because wrangler looks for `.dev.vars` beside it.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use toml::{Table, Value};

use crate::keygen::{create_secret, keys};
use crate::plan::{Plan, Worker};
use crate::root;

/// Writes a Worker's configuration below `folder` and returns its path.
pub(crate) fn write(
    worker: Worker,
    plan: &Plan,
    folder: &Path,
    vars: &[(String, String)],
) -> Result<PathBuf> {
    let source = root()?.join(worker.config());
    let text =
        fs::read_to_string(&source).with_context(|| format!("cannot read {}", source.display()))?;
    let table: Table = text
        .parse()
        .with_context(|| format!("cannot understand {}", source.display()))?;
    let main = plan.folder(worker.name()).join("index.js");
    let derived = derive(table, &main, &plan.page(), vars);

    let folder = folder.join(worker.name());
    fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let path = folder.join("wrangler.toml");
    let text = format!(
        "# Derived from {} by `cargo xtask dev`.\n{derived}",
        worker.config()
    );
    fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
    if worker == Worker::Origin {
        let secrets = folder.join(".dev.vars");
        // Kept from one start to the next, or every token would die with the runtime.
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
    fn only_what_belongs_to_the_machine_changes() {
        let source = r#"
            name = "worker"
            main = "../../build/worker/index.js"
            [build]
            command = "make"
            [assets]
            directory = "../../build/www"
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

    /// A source that is not watched would be missed by `npx wrangler dev`; a watched
    /// `.wrangler` would make it build for ever.
    #[test]
    fn wrangler_watches_every_source_and_nothing_of_its_own() {
        let root = root().expect("a root");
        for (worker, other) in [(Worker::Edge, "origin"), (Worker::Origin, "edge")] {
            let source = root.join(worker.config());
            let beside = source.parent().expect("a folder");
            let text = fs::read_to_string(&source).expect("a configuration");
            let table: Table = text.parse().expect("a table");
            let watched: Vec<PathBuf> = table["build"]["watch_dir"]
                .as_array()
                .expect("a list")
                .iter()
                .map(|path| beside.join(path.as_str().expect("a path")))
                .map(|path| fs::canonicalize(&path).unwrap_or_else(|_| panic!("no {path:?}")))
                .collect();
            let covers = |path: &Path| watched.iter().any(|watched| path.starts_with(watched));

            let src = fs::canonicalize(root.join("src")).expect("sources");
            let mut folders = vec![src.clone()];
            while let Some(folder) = folders.pop() {
                for entry in fs::read_dir(folder).expect("a folder") {
                    let path = entry.expect("an entry").path();
                    if path == src.join(other) || path == src.join("form") {
                        continue;
                    }
                    if path.is_dir() {
                        folders.push(path);
                    } else if path.extension().is_some_and(|extension| extension == "rs") {
                        assert!(covers(&path), "{} does not watch {path:?}", worker.config());
                    }
                }
            }
            assert!(
                !covers(&src.join("origin/.wrangler/tmp")),
                "{}",
                worker.config()
            );
            assert!(!covers(&root.join(".wrangler/tmp")), "{}", worker.config());
        }
    }
}
