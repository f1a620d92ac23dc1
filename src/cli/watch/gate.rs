//! What a watch waits for, and what must not happen meanwhile.

use std::time::Duration;

use clap::Args;

use crate::cli::connection::positive;
use crate::expression::Expression;

/// Conditions on what the server says on its current connections.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Conditions")]
pub struct GateArgs {
    /// Leave (0) when this holds, for example `healthy` or `.state.metrics.cpu < 50`
    #[arg(long, value_name = "EXPR", value_parser = condition)]
    pub until: Option<Expression>,

    /// How long it has to hold without a break
    #[arg(long, value_name = "DURATION", requires = "until", value_parser = positive)]
    pub stable_for: Option<Duration>,

    /// Fail (1) at once when this holds, and at the end if it never had an answer
    #[arg(long, value_name = "EXPR", value_parser = condition)]
    pub fail_if: Option<Expression>,
}

fn condition(text: &str) -> Result<Expression, String> {
    Expression::parse_condition(text).map_err(|error| error.to_string())
}

/// What to select.
pub(super) fn selection(text: &str) -> Result<Expression, String> {
    Expression::parse(text).map_err(|error| error.to_string())
}
