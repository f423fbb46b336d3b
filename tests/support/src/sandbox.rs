//! One built Worker on the runtime alone, for a test that writes its own configuration.

use crate::{
    config::{Config, MODULES, Worker, copy_worker, text_bindings},
    process::generate_secrets,
    runtime::Runtime,
    system::shared_system,
    workspace::{create_folder, root},
};
use std::{
    fs,
    path::{Path, PathBuf},
};

/// A folder with the modules of a built Worker ([`crate::config::MODULES`]) and a configuration.
pub struct Sandbox {
    /// The configuration to start with; its files are in the folder.
    pub config: Config,
    folder: PathBuf,
}

impl Sandbox {
    /// Creates the folder for a Worker: `edge` or `origin`.
    ///
    /// # Panics
    /// If another test uses the name, or the Worker does not build.
    pub fn new(name: &str, worker: &str) -> Self {
        // Its start builds the Workers.
        let _ = shared_system();
        let folder = create_folder(name);
        copy_worker(&root().join("build").join(worker), &folder);
        Self {
            config: Config::default(),
            folder,
        }
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Writes a script into the folder.
    ///
    /// # Panics
    /// If it cannot be written.
    pub fn write_script(&self, file: &str, text: &str) {
        fs::write(self.folder.join(file), text).expect("cannot write a script");
    }

    /// Creates an empty folder for Registry objects, and adds it as a service of that name.
    ///
    /// # Panics
    /// If it cannot be created.
    pub fn add_storage(&mut self, name: &str) {
        let path = self.folder.join(name);
        fs::create_dir_all(&path).expect("cannot create a folder");
        self.config.add_disk(name, &path.to_string_lossy());
    }

    /// Adds the Worker with these settings and no other bindings, and opens a port for it.
    pub fn add_worker(&mut self, name: &str, settings: &[(String, String)]) {
        self.config.add_worker(&Worker {
            name,
            modules: &MODULES,
            bindings: &text_bindings(settings),
            storage: None,
        });
        self.config.add_socket(name);
    }

    /// Starts the runtime.
    ///
    /// # Panics
    /// If it does not start.
    pub async fn start(&self) -> Runtime {
        Runtime::start_in(&self.folder, &self.config).await
    }
}

/// The settings without which no edge starts.
pub fn edge_settings() -> Vec<(String, String)> {
    [
        ("PUBLIC_URL", "http://127.0.0.1:8787"),
        ("REGISTRIES", "1"),
        ("ROOT_PATHS", "page api jwks"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .to_vec()
}

/// The settings and secrets without which no origin starts, and the sign-in for development.
pub fn origin_settings() -> Vec<(String, String)> {
    let mut settings = edge_settings();
    settings.push(("DEV_SIGN_IN".to_owned(), "1".to_owned()));
    settings.extend(generate_secrets());
    settings
}
