//! Progress: what a command is waiting for, on the terminal's standard error and nowhere else.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::Talk;
use super::stderr::Volume;

/// A bar with a count. Gone without a trace when dropped.
#[derive(Debug)]
pub struct Progress(ProgressBar);

impl Progress {
    /// Begins with nothing of `total` done. Invisible in a pipe and when quiet.
    pub fn begin(talk: Talk, total: u64, what: &str) -> Progress {
        // indicatif hides itself where standard error is no terminal.
        let target =
            if talk.volume == Volume::Quiet { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
        let bar = ProgressBar::with_draw_target(Some(total), target);
        let style = ProgressStyle::with_template("{spinner} {msg}  {bar:32}  {pos}/{len}  {elapsed}");
        let style = style.expect("the template is a constant and well-formed");
        // As thin as the rules of the dashboard.
        bar.set_style(style.progress_chars("━╸─"));
        bar.set_message(what.to_owned());
        bar.enable_steady_tick(Duration::from_millis(100));
        Progress(bar)
    }

    /// One more is done.
    pub fn step(&self) {
        self.0.inc(1);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
