//! `veloflux control`: one subcommand per action of the control API.

use std::time::Duration;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Subcommand};

use super::connection::positive;
use super::{ConnectionArgs, Format, OutputArgs};
use crate::protocol::Feed;
use crate::protocol::control::Selection;

/// The flags of `control`.
#[derive(Debug, Clone, Args)]
pub struct ControlArgs {
    /// What to ask for.
    #[command(subcommand)]
    pub action: ControlAction,

    /// Show the request with the token redacted, and send nothing
    #[arg(long, global = true)]
    pub dry_run: bool,

    /// Fail (124) if there is no answer in this time
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = positive, global = true)]
    pub timeout: Duration,

    /// How the answer is written
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t, help_heading = "Output", global = true)]
    pub format: Format,

    /// The same as `--format json`
    #[arg(long, conflicts_with = "format", help_heading = "Output", global = true)]
    pub json: bool,

    /// Shared flags.
    #[command(flatten)]
    pub connection: ConnectionArgs,

    /// Shared flags.
    #[command(flatten)]
    pub output: OutputArgs,
}

/// The actions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Subcommand)]
pub enum ControlAction {
    /// Measure afresh and send now, paused or not
    ForceUpdate {
        /// The feed, all when not given
        #[arg(value_name = "FEED", value_parser = selection(), default_value = "all", hide_default_value = true)]
        what: Selection,

        /// Look whether it was done: listen to the feeds meanwhile, and show which sent and how fast
        #[arg(long)]
        verify: bool,
    },
    /// Stop the regular messages of a feed
    Pause {
        /// The feed, or all
        #[arg(value_name = "FEED|all", value_parser = selection())]
        what: Selection,

        /// Ask again afterwards whether it was done
        #[arg(long)]
        verify: bool,
    },
    /// Let the regular messages of a feed go on
    Resume {
        /// The feed, or all
        #[arg(value_name = "FEED|all", value_parser = selection())]
        what: Selection,

        /// Ask again afterwards whether it was done
        #[arg(long)]
        verify: bool,
    },
    /// Ask what is paused; changes nothing
    Check,
}

fn selection() -> impl TypedValueParser<Value = Selection> {
    let words = Feed::ALL.into_iter().map(Feed::name).chain([Selection::All.name()]);
    PossibleValuesParser::new(words).map(|word| word.parse().map_or(Selection::All, Selection::One))
}
