//! The flags that `watch`, `probe` and `control` share: where the server is, how to reach it, how to speak.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueHint};

use super::ColorChoice;
use crate::duration;
use crate::net::route::Pin;

/// Where the server is and how to reach it.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Connection")]
pub struct ConnectionArgs {
    /// Address of a server; repeat it for several nodes. http and ws, https and wss mean the same [default:
    /// http://127.0.0.1:8080]
    #[arg(short, long, value_name = "URL", env = "VELOFLUX_SERVER", global = true, value_hint = ValueHint::Url)]
    #[arg(hide_env_values = true)]
    pub server: Vec<String>,

    /// File that holds the token, `-` for standard input
    #[arg(long, value_name = "PATH", env = "VELOFLUX_TOKEN_FILE", global = true, value_hint = ValueHint::FilePath)]
    #[arg(hide_env_values = true)]
    pub token_file: Option<PathBuf>,

    /// Header to send with every request; repeat it for several
    #[arg(short = 'H', long, value_name = "NAME: VALUE", global = true, value_parser = Header::parse)]
    pub header: Vec<Header>,

    /// PEM file of certificates to trust beside those of the system
    #[arg(long, value_name = "PATH", global = true, value_hint = ValueHint::FilePath)]
    pub cacert: Option<PathBuf>,

    /// Do not verify the server's certificate, and let a token travel in the clear
    #[arg(short = 'k', long, global = true)]
    pub insecure: bool,

    /// PEM file of the client certificate
    #[arg(long, value_name = "PATH", requires = "key", global = true, value_hint = ValueHint::FilePath)]
    pub cert: Option<PathBuf>,

    /// PEM file of the client certificate's key
    #[arg(long, value_name = "PATH", requires = "cert", global = true, value_hint = ValueHint::FilePath)]
    pub key: Option<PathBuf>,

    /// Connect to ADDRESS in place of what HOST resolves to, and without a proxy; repeat it for several
    #[arg(long, value_name = "HOST:PORT:ADDRESS", global = true)]
    pub resolve: Vec<Pin>,

    /// Do not offer to take messages compressed
    #[arg(long, global = true)]
    pub no_compression: bool,

    /// Longest time to connect: name lookup, TCP, TLS and upgrade together [default: 10s]
    #[arg(long, value_name = "DURATION", global = true, value_parser = positive)]
    pub connect_timeout: Option<Duration>,
}

/// How much is said, and in which colours.
#[derive(Debug, Clone, Copy, Args)]
#[command(next_help_heading = "Output")]
pub struct OutputArgs {
    /// When to colour [default: auto]
    #[arg(long, value_name = "WHEN", value_enum, global = true)]
    pub color: Option<ColorChoice>,

    /// Say nothing but results and errors
    #[arg(short, long, conflicts_with = "verbose", global = true)]
    pub quiet: bool,

    /// Say more about what happens on the way
    #[arg(short, long, global = true)]
    pub verbose: bool,
}

/// A header to send, `Name: value`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// Its name.
    pub name: String,
    /// Its value, without blanks around it.
    pub value: String,
}

impl Header {
    fn parse(text: &str) -> Result<Header, String> {
        let refused = || "write `Name: value`".to_owned();
        let (name, value) = text.split_once(':').ok_or_else(refused)?;
        let token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
        if name.is_empty() || !name.chars().all(token) || value.chars().any(|c| c.is_control() && c != '\t') {
            return Err(refused());
        }
        Ok(Header { name: name.to_owned(), value: value.trim().to_owned() })
    }
}

/// A duration above zero.
pub(super) fn positive(text: &str) -> Result<Duration, String> {
    match duration::parse(text) {
        Ok(Duration::ZERO) => Err("it has to be longer than zero".to_owned()),
        Ok(duration) => Ok(duration),
        Err(error) => Err(error.to_string()),
    }
}
