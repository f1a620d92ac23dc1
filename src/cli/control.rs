//! `veloflux control`: one subcommand per action of the control API.

use std::time::Duration;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Subcommand};

use super::connection::positive;
use super::{ConnectionArgs, Format, OutputArgs};
use crate::protocol::control::{Order, Selection, WEIGHT_MAX, Wanted};
use crate::protocol::{Admin, Feed};

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
#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
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
    /// Have the server read its settings again
    Reload,
    /// Let a backend finish what it has, and give it nothing new
    Drain(BackendArgs),
    /// Take a backend out of service
    Maintenance(BackendArgs),
    /// Let a backend work again, and withdraw what was ordered of it
    Enable {
        /// Its address, as `watch backends` shows it
        #[arg(value_name = "BACKEND")]
        backend: String,

        /// Its pool, where the address stands in several
        #[arg(long, value_name = "POOL")]
        pool: Option<String>,

        /// Its source, where several list it in the same pool
        #[arg(long, value_name = "NAME")]
        source: Option<String>,
    },
    /// Give a backend another share of the traffic
    Weight {
        /// Which backend, for how long, and why
        #[command(flatten)]
        backend: BackendArgs,

        /// The share, as the load balancer counts it
        #[arg(value_name = "WEIGHT", value_parser = clap::value_parser!(u32).range(0..=i64::from(WEIGHT_MAX)))]
        weight: u32,
    },
}

/// Which backend an order is about, for how long, and why.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct BackendArgs {
    /// Its address, as `watch backends` shows it
    #[arg(value_name = "BACKEND")]
    pub backend: String,

    /// Its pool, where the address stands in several
    #[arg(long, value_name = "POOL")]
    pub pool: Option<String>,

    /// Its source, where several list it in the same pool
    #[arg(long, value_name = "NAME")]
    pub source: Option<String>,

    /// For how long; then it works again, or has the weight it had
    #[arg(long = "for", value_name = "DURATION", value_parser = positive)]
    pub lasts: Option<Duration>,

    /// Why, for those who see it
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
}

impl ControlAction {
    /// The order about a backend, if it is one.
    pub fn order(&self) -> Option<Order> {
        let of = |args: &BackendArgs, wanted| Order {
            backend: args.backend.clone(),
            pool: args.pool.clone(),
            source: args.source.clone(),
            wanted,
            lasts: args.lasts,
            reason: args.reason.clone(),
        };
        match self {
            ControlAction::Drain(args) => Some(of(args, Wanted::Admin(Admin::Draining))),
            ControlAction::Maintenance(args) => Some(of(args, Wanted::Admin(Admin::Maintenance))),
            ControlAction::Weight { backend, weight } => Some(of(backend, Wanted::Weight(*weight))),
            ControlAction::Enable { backend, pool, source } => Some(Order {
                backend: backend.clone(),
                pool: pool.clone(),
                source: source.clone(),
                wanted: Wanted::Admin(Admin::Enabled),
                lasts: None,
                reason: None,
            }),
            _ => None,
        }
    }
}

fn selection() -> impl TypedValueParser<Value = Selection> {
    let words = Feed::ALL.into_iter().map(Feed::name).chain([Selection::All.name()]);
    PossibleValuesParser::new(words).map(|word| word.parse().map_or(Selection::All, Selection::One))
}
