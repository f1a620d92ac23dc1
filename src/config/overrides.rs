//! What the command line and the environment say: it goes before the settings file.

use std::net::SocketAddr;
use std::path::PathBuf;

use crate::secret::Secret;

/// Settings from flags and variables, a flag before its variable. Text is understood by [`super::load`], so that it is
/// refused in the same words as in the file.
#[derive(Debug, Clone, Default)]
pub struct Overrides {
    /// `--config`, `VELOFLUX_CONFIG`: the settings file. None is read without it.
    pub config: Option<PathBuf>,
    /// `--listen`, `VELOFLUX_LISTEN`.
    pub listen: Option<String>,
    /// `--state-dir`, `VELOFLUX_STATE_DIR`.
    pub state_dir: Option<PathBuf>,
    /// `--node`, `VELOFLUX_NODE`.
    pub node: Option<String>,
    /// `VELOFLUX_TOKEN`: the control token itself.
    pub token: Option<Secret>,
    /// `--token-file`, `VELOFLUX_TOKEN_FILE`: goes before `token`.
    pub token_file: Option<PathBuf>,
    /// `--tls-cert`, `VELOFLUX_TLS_CERT`.
    pub tls_cert: Option<PathBuf>,
    /// `--tls-key`, `VELOFLUX_TLS_KEY`.
    pub tls_key: Option<PathBuf>,
    /// Where the socket listens that a service manager has opened for us. Goes before `listen`.
    pub inherited: Option<SocketAddr>,
    /// `--feeds-public`.
    pub feeds_public: bool,
    /// `--allow-origin`: beside those of the file.
    pub allow_origins: Vec<String>,
    /// `--backend POOL=ADDR[,weight=N]`: beside those of the file, or in place of the one with the same address.
    pub backends: Vec<String>,
    /// `--source KIND+URL`: beside those of the file.
    pub sources: Vec<String>,
    /// `--check NAME=URL`: beside those of the file, or in place of the one with the same name.
    pub checks: Vec<String>,
}
