//! Telling somebody else when something happens.

use std::time::Duration;

use clap::{Args, ValueEnum, ValueHint};
use url::Url;

use crate::duration;

/// Who is told what, and how often.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Alerts")]
pub struct AlertArgs {
    /// Shell command to run when something happens, with the event as JSON on its standard input; killed after 30 s
    #[arg(long, value_name = "COMMAND", value_hint = ValueHint::CommandString)]
    pub exec: Option<String>,

    /// http(s) URL to post the event to, as JSON
    #[arg(long, value_name = "URL", value_hint = ValueHint::Url, value_parser = web_hook)]
    pub notify: Option<Url>,

    /// What is worth it, separated by commas
    #[arg(long, value_name = "EVENTS", value_enum, value_delimiter = ',', default_value = "lost,stale,until,fail")]
    pub on: Vec<AlertOn>,

    /// Shortest time between two alerts of one kind for one feed
    #[arg(long, value_name = "DURATION", default_value = "60s", value_parser = duration::parse)]
    pub cooldown: Duration,
}

/// What an alert is raised for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum AlertOn {
    /// A connection was made.
    Open,
    /// A connection was lost, or cannot be made.
    Lost,
    /// A feed is silent for too long.
    Stale,
    /// Messages were never seen.
    Gap,
    /// Something arrived that is no message.
    Invalid,
    /// What was waited for holds.
    Until,
    /// What must not hold does.
    Fail,
}

fn web_hook(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| format!("{error}; write for example `https://hooks.example.com/x`"))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(format!("`{}` is not http or https", url.scheme()));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("a user or password in it would show in the process list".to_owned());
    }
    Ok(url)
}
