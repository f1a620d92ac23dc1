//! `veloflux serve`: the quick flags. Whatever is not given here stands in the settings file or has a default.

use std::path::PathBuf;

use clap::{Args, ValueHint};

/// The flags of `serve`. The texts are read by `config`, which says what is wrong with them in the words it also uses
/// for the settings file.
#[derive(Debug, Clone, Args)]
pub struct ServeArgs {
    /// Settings file (TOML)
    #[arg(short, long, value_name = "FILE", env = "VELOFLUX_CONFIG", value_hint = ValueHint::FilePath)]
    #[arg(hide_env_values = true)]
    pub config: Option<PathBuf>,

    /// Read the settings, say what they come to, and leave
    #[arg(long)]
    pub check_config: bool,

    /// Follow an audit log from its first line to its last, say whether it is intact, and leave
    #[arg(long, value_name = "FILE", conflicts_with = "check_config", value_hint = ValueHint::FilePath)]
    pub verify_audit: Option<PathBuf>,

    /// Where to listen; port 0 takes a free one
    #[arg(short, long, value_name = "ADDR", env = "VELOFLUX_LISTEN", hide_env_values = true)]
    pub listen: Option<String>,

    /// Where the ledger and the generated token live
    #[arg(long, value_name = "DIR", env = "VELOFLUX_STATE_DIR", value_hint = ValueHint::DirPath)]
    #[arg(hide_env_values = true)]
    pub state_dir: Option<PathBuf>,

    /// Name of this node in the `status` feed
    #[arg(long, value_name = "NAME", env = "VELOFLUX_NODE", hide_env_values = true)]
    pub node: Option<String>,

    /// File that holds the control token
    #[arg(long, value_name = "PATH", env = "VELOFLUX_TOKEN_FILE", value_hint = ValueHint::FilePath)]
    #[arg(hide_env_values = true)]
    pub token_file: Option<PathBuf>,

    /// Speak TLS with this certificate (PEM: the server's own, then those of its authorities)
    #[arg(long, value_name = "FILE", env = "VELOFLUX_TLS_CERT", value_hint = ValueHint::FilePath)]
    #[arg(hide_env_values = true)]
    pub tls_cert: Option<PathBuf>,

    /// The key of the certificate (PEM)
    #[arg(long, value_name = "FILE", env = "VELOFLUX_TLS_KEY", value_hint = ValueHint::FilePath)]
    #[arg(hide_env_values = true)]
    pub tls_key: Option<PathBuf>,

    /// Let everybody who can connect read the feeds, also beyond loopback
    #[arg(long)]
    pub feeds_public: bool,

    /// Browser origin to let in beside the own and loopback ones; repeat it for several
    #[arg(long, value_name = "ORIGIN")]
    pub allow_origin: Vec<String>,

    /// Backend to check: host:port by TCP, an http(s) URL by request; repeat it for several
    #[arg(short, long, value_name = "POOL=ADDR[,weight=N]")]
    pub backend: Vec<String>,

    /// Source of backends: a load balancer, registry or file, like haproxy+unix:///run/haproxy.sock; repeat it for several
    #[arg(long, value_name = "KIND+URL")]
    pub source: Vec<String>,

    /// Dependency to check: http(s), tcp, redis or postgres URL; repeat it for several
    #[arg(long, value_name = "NAME=URL")]
    pub check: Vec<String>,
}
