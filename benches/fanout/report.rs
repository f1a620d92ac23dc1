//! The table: one row a measurement, printed as soon as it is known, in Markdown.

use std::io::{Write, stdout};
use std::time::Instant;

use anyhow::Result;

/// One line of the table.
pub(crate) struct Row {
    pub(crate) what: String,
    pub(crate) veloflux: String,
    pub(crate) limit: String,
    pub(crate) ratio: String,
    pub(crate) wanted: &'static str,
}

/// The table so far.
pub(crate) struct Report {
    begun: Instant,
}

impl Report {
    /// Says on what is measured, and the head of the table.
    pub(crate) fn begin(clients: usize) -> Result<Report> {
        let cores = std::thread::available_parallelism()?;
        let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease")?;
        let kernel = kernel.trim();
        writeln!(stdout(), "{clients} clients over loopback, {cores} cores, Linux {kernel}; load {}\n", load()?)?;
        writeln!(stdout(), "| | `veloflux serve` | the limit | ratio | wanted |\n| --- | --- | --- | --- | --- |")?;
        Ok(Report { begun: Instant::now() })
    }

    /// Adds rows.
    pub(crate) fn add(&mut self, rows: Vec<Row>) -> Result<()> {
        for Row { what, veloflux, limit, ratio, wanted } in rows {
            writeln!(stdout(), "| {what} | {veloflux} | {limit} | {ratio} | {wanted} |")?;
        }
        Ok(())
    }

    /// Says how long it took, and how busy the machine was with other things.
    pub(crate) fn end(self) -> Result<()> {
        writeln!(stdout(), "\nmeasured in {:.0} s; load {}", self.begun.elapsed().as_secs_f64(), load()?)?;
        Ok(())
    }
}

/// The load averages of the last 1, 5 and 15 minutes.
fn load() -> Result<String> {
    let text = std::fs::read_to_string("/proc/loadavg")?;
    Ok(text.split(' ').take(3).collect::<Vec<_>>().join(" "))
}
