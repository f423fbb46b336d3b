//! Leaked tokens are found by detect-secrets, which stands for all scanners of docs/SCANNERS.md. The
//! other rules have the same expression, and src/core/tests/scanners.rs tests it.

use patrol_support::{User, create_folder, root, shared_system};
use serde_json::Value;
use std::{fs, process::Command};

/// The files of a repository: names, texts, and the lines with tokens. `<token>` stands for the token,
/// and `<bare>` for the same without its prefix.
const FILES: [(&str, &str, &[u64]); 7] = [
    (
        ".env",
        "URL=https://patrol.example\nPATROL=<token>\nOLD=<bare>\n",
        &[2, 3],
    ),
    (
        "deploy.yml",
        "env:\n  secret: <token>\n  id: \"<bare>\"\n",
        &[2, 3],
    ),
    ("settings.json", "{\n  \"token\": \"<token>\"\n}\n", &[2]),
    (
        "README.md",
        "# API\n\n    curl -H 'Authorization: Bearer <token>' https://patrol.example\n",
        &[3],
    ),
    (
        "config",
        "[remote \"origin\"]\n\turl = https://any:<token>@patrol.example/r.git\n",
        &[2],
    ),
    ("main.py", "token_id = \"<bare>\"\n", &[1]),
    ("clean.txt", "patrol_eyJ…, PATROL=${TOKEN}\n", &[]),
];

#[tokio::test]
async fn token_in_a_repository_is_found() {
    let ada = User::sign_in(&shared_system().url, "ada").await;
    let token = ada.create_token(&["pipelines:read"]).await.token;
    let bare = token.strip_prefix("patrol_").expect("a prefix");
    let folder = create_folder("scanners");
    for (name, text, _) in FILES {
        let text = text.replace("<token>", &token).replace("<bare>", bare);
        fs::write(folder.join(name), text).unwrap();
    }
    let scan = Command::new("python3")
        .args(["-m", "detect_secrets", "scan", "--all-files", "--plugin"])
        .arg(root().join("deploy/scanners/detect_secrets_patrol.py"))
        .arg(".")
        .current_dir(&folder)
        .env("PYTHONPATH", root().join("build/python"))
        .output()
        .expect("cannot start Python");
    let errors = String::from_utf8_lossy(&scan.stderr);
    assert!(scan.status.success(), "{errors}");
    let report: Value = serde_json::from_slice(&scan.stdout).unwrap();
    for (name, _, lines) in FILES {
        let found = report["results"][name].as_array().into_iter().flatten();
        let mut found: Vec<_> = found
            .filter(|secret| secret["type"] == "Patrol Access Token")
            .filter_map(|secret| secret["line_number"].as_u64())
            .collect();
        found.sort_unstable();
        assert_eq!(found, lines, "{name}");
    }
}
