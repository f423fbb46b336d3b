//! Lays out the page: from `www/` and the form module to the files the origin serves.
//!
//! The page needs no bundler. Its modules import each other by relative paths, so a copy of the
//! folder works at any path. That path is `assets/<hash>/`, with a hash of all files, so browsers
//! may cache them forever. The HTML and the two modules that other sites import (the element and
//! the form module) keep fixed addresses and refer to the hashed ones. The HTML is served at several
//! depths, so it names files by the public path of the page, which the origin writes into it.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use sha2::{Digest as _, Sha256};

use crate::paths::root;
use crate::variant::Variant;

/// Relative paths (with `/`) and contents.
type Files = Vec<(String, Vec<u8>)>;

/// A comment in the HTML that is replaced by preload links: the browser then fetches all modules
/// at once instead of discovering them import by import.
const PRELOADS: &str = "<!-- modules -->";

/// The folder of the files in the HTML. The origin replaces `%PAGE%`.
const ASSETS: &str = "\"%PAGE%assets/";

/// Writes the page. The form module must have been built.
pub(crate) fn build(variant: &Variant) -> Result<()> {
    let www = root()?.join("www");
    let mut sources = Files::new();
    for folder in ["app", "i18n", "shared", "style", "tokens"] {
        collect(&www.join(folder), folder, &mut sources)?;
    }
    for name in ["form.js", "form_bg.wasm"] {
        let file = variant.form().join(name);
        sources.push((format!("pkg/{name}"), read(&file)?));
    }
    sources.push(("favicon.svg".to_owned(), read(&www.join("favicon.svg"))?));
    let html = fs::read_to_string(www.join("index.html")).context("cannot read www/index.html")?;

    let files = lay_out(sources, &html);
    let folder = variant.page();
    write(&folder, &files)?;
    remove_stale(&folder, &folder, &files)
}

/// Computes all files to serve.
fn lay_out(mut sources: Files, html: &str) -> Files {
    sources.sort();
    let mut digest = Sha256::new();
    for (path, content) in &sources {
        for part in [path.as_bytes(), content] {
            digest.update(part.len().to_le_bytes());
            digest.update(part);
        }
    }
    let hash: String = format!("{:x}", digest.finalize())
        .chars()
        .take(16)
        .collect();
    let preloads: Vec<String> = sources
        .iter()
        .filter(|(path, _)| Path::new(path).extension().is_some_and(|kind| kind == "js"))
        .map(|(path, _)| format!(r#"<link rel="modulepreload" href={ASSETS}{path}">"#))
        .collect();
    let html = html
        .replace(PRELOADS, &preloads.join("\n    "))
        .replace(ASSETS, &format!("{ASSETS}{hash}/"));
    let element = format!("import \"./{hash}/tokens/element.js\";\n");
    let form = format!("\"../assets/{hash}/pkg/form.js\";\n");
    let form = format!("export * from {form}export {{ default }} from {form}");

    let mut files = Files::new();
    for (path, content) in sources {
        if path == "favicon.svg" {
            files.push((path.clone(), content.clone()));
        }
        files.push((format!("assets/{hash}/{path}"), content));
    }
    files.push(("index.html".to_owned(), html.into_bytes()));
    files.push(("assets/patrol-tokens.js".to_owned(), element.into_bytes()));
    files.push(("pkg/form.js".to_owned(), form.into_bytes()));
    files
}

/// Writes the files that differ from those on disk.
fn write(folder: &Path, files: &Files) -> Result<()> {
    for (path, content) in files {
        let path = folder.join(path);
        if fs::read(&path).is_ok_and(|existing| existing == *content) {
            continue;
        }
        let context = || format!("cannot write {}", path.display());
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).with_context(context)?;
        }
        fs::write(&path, content).with_context(context)?;
    }
    Ok(())
}

/// Removes files of earlier builds.
fn remove_stale(root: &Path, folder: &Path, files: &Files) -> Result<()> {
    for path in list(folder)? {
        let relative = path.strip_prefix(root).unwrap_or(&path);
        if path.is_dir() {
            if files
                .iter()
                .any(|(path, _)| Path::new(path).starts_with(relative))
            {
                remove_stale(root, &path, files)?;
            } else {
                fs::remove_dir_all(&path)
                    .with_context(|| format!("cannot remove {}", path.display()))?;
            }
        } else if !files.iter().any(|(path, _)| Path::new(path) == relative) {
            fs::remove_file(&path).with_context(|| format!("cannot remove {}", path.display()))?;
        }
    }
    Ok(())
}

/// Adds all files below a folder, named relative to `name`.
fn collect(folder: &Path, name: &str, files: &mut Files) -> Result<()> {
    for path in list(folder)? {
        let below = path.file_name().unwrap_or_default().to_string_lossy();
        let name = format!("{name}/{below}");
        if path.is_dir() {
            collect(&path, &name, files)?;
        } else {
            files.push((name, read(&path)?));
        }
    }
    Ok(())
}

fn list(folder: &Path) -> Result<Vec<PathBuf>> {
    let context = || format!("cannot list {}", folder.display());
    fs::read_dir(folder)
        .with_context(context)?
        .map(|entry| Ok(entry.with_context(context)?.path()))
        .collect()
}

fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("cannot read {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(script: &str) -> Files {
        let sources = vec![
            ("app/main.js".to_owned(), script.as_bytes().to_vec()),
            ("favicon.svg".to_owned(), b"<svg/>".to_vec()),
            ("pkg/form_bg.wasm".to_owned(), b"wasm".to_vec()),
        ];
        let html = r#"<!-- modules --><script src="%PAGE%assets/app/main.js"></script>"#;
        lay_out(sources, html)
    }

    fn text(files: &Files, name: &str) -> String {
        let (_, content) = files
            .iter()
            .find(|(path, _)| path == name)
            .expect("the file is there");
        String::from_utf8(content.clone()).expect("text")
    }

    #[test]
    fn asset_address_changes_with_the_content() {
        let (one, same, other) = (page("1"), page("1"), page("2"));
        assert_eq!(one, same);
        for (path, _) in one.iter().filter(|(path, _)| path.matches('/').count() > 1) {
            assert!(!other.iter().any(|(other, _)| other == path), "{path}");
        }
    }

    #[test]
    fn entry_points_refer_to_existing_files() {
        let files = page("1");
        let html = text(&files, "index.html");
        assert_eq!(html.matches("/app/main.js\"").count(), 2, "{html}");
        let addresses = html
            .split('"')
            .filter_map(|part| part.strip_prefix("%PAGE%"));
        for path in addresses {
            assert!(files.iter().any(|(found, _)| found == path), "{path}");
        }
        let hashed = html.split("/app/").next().expect("a folder");
        let hash = hashed.rsplit('/').next().expect("a hash");
        for (name, address) in [
            ("assets/patrol-tokens.js", format!("\"./{hash}/")),
            ("pkg/form.js", format!("\"../assets/{hash}/")),
        ] {
            assert!(text(&files, name).contains(&address), "{name}");
        }
    }
}
