//! The checkout, and the files that tests write to its `target`.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

/// The root of the checkout.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .canonicalize()
        .unwrap_or_default()
}

/// Creates an empty folder for one test. Tests run in parallel, so each needs its own name.
///
/// # Panics
/// If another test of this process uses the name, or the folder cannot be created.
pub fn create_folder(name: &str) -> PathBuf {
    static NAMES: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
    // A panic elsewhere cannot have left the set half changed.
    let mut names = NAMES.lock().unwrap_or_else(PoisonError::into_inner);
    let is_new = names.insert(name.to_owned());
    assert!(is_new, "another test has a folder named {name}");
    let folder = root().join("target/e2e").join(name);
    if folder.exists() {
        fs::remove_dir_all(&folder).expect("cannot remove the old folder");
    }
    fs::create_dir_all(&folder).expect("cannot create a folder");
    folder
}

/// The text of `policy.toml`.
///
/// # Panics
/// If it cannot be read.
pub fn policy() -> String {
    fs::read_to_string(root().join("policy.toml")).expect("cannot read policy.toml")
}

/// The policy of the checkout, but tokens carry no scopes.
///
/// # Panics
/// If the policy has no such setting.
pub fn policy_without_rbac() -> String {
    let (on, off) = ("enabled = true", "enabled = false");
    assert!(policy().contains(on), "policy.toml does not contain {on}");
    policy().replace(on, off)
}

/// Writes a policy, and returns its path for `--policy`.
///
/// # Panics
/// If it cannot be written.
pub fn write_policy(name: &str, text: &str) -> PathBuf {
    let path = root().join(format!("target/e2e/{name}.toml"));
    fs::create_dir_all(path.parent().unwrap_or(&path)).expect("cannot create a folder");
    fs::write(&path, text).expect("cannot write a policy");
    path
}

#[cfg(test)]
mod tests {
    #[test]
    #[should_panic = "another test has a folder named twice"]
    fn create_folder_refuses_a_name_that_is_taken() {
        super::create_folder("twice");
        super::create_folder("twice");
    }
}
