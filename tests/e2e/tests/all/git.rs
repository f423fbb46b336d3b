//! An unmodified git clones and pushes with a token as its password.

use crate::variants::variant;
use patrol_support::{User, workspace::create_folder};
use std::{path::Path, process::Command};

/// Runs git with no settings but these. Returns its output, or its error.
fn git(folder: &Path, arguments: &[&str]) -> Result<String, String> {
    let output = Command::new("git")
        .current_dir(folder)
        .args(["-c", "user.name=Ada", "-c", "user.email=ada@example.com"])
        .args(arguments)
        .env("HOME", folder)
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_TERMINAL_PROMPT", "0")
        .env("GIT_ASKPASS", "true")
        .output()
        .expect("git does not start");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if output.status.success() {
        Ok(text(&output.stdout))
    } else {
        Err(text(&output.stderr))
    }
}

#[tokio::test]
async fn git_clones_and_pushes_with_a_token() {
    let url = variant("git").await;
    let ada = User::sign_in(&url, "ada").await;
    let created = ada.create_token(&["models:read", "models:write"]).await;
    let folder = create_folder("git-client");
    let with = |password: &str| {
        let authority = format!("http://ada:{password}@");
        url.replace("http://", &authority) + "/git/plant.git"
    };
    let remote = with(&created.token);
    git(&folder, &["clone", "--quiet", &remote, "work"]).unwrap();
    let work = folder.join("work");
    // Longer than git sends in one piece: it asks first, with an empty body.
    std::fs::write(work.join("model.bin"), vec![7; 3 << 20]).unwrap();
    std::fs::write(work.join("model.json"), "{}").unwrap();
    git(&work, &["add", "."]).unwrap();
    git(&work, &["commit", "--quiet", "-m", "Add a model"]).unwrap();
    git(&work, &["push", "--quiet", "origin", "HEAD:main"]).unwrap();
    let refs = git(&folder, &["ls-remote", &remote]).unwrap();
    assert!(refs.contains("refs/heads/main"), "{refs}");

    let read_only = ada.create_token(&["models:read"]).await;
    let target = with(&read_only.token);
    git(&folder, &["ls-remote", &target]).unwrap();
    let refused = git(&work, &["push", &target, "HEAD:other"]).unwrap_err();
    assert!(refused.contains("403"), "{refused}");
    let anonymous = format!("{url}/git/plant.git");
    for remote in [&anonymous, &with("secret")] {
        git(&folder, &["ls-remote", remote]).unwrap_err();
    }
    ada.revoke(&created.id).await;
    let revoked = git(&folder, &["ls-remote", &remote]).unwrap_err();
    assert!(revoked.contains("Authentication failed"), "{revoked}");
    ada.revoke(&read_only.id).await;
}
