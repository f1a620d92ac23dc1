//! What a process has used, read from `/proc`.

use std::fs;

use anyhow::{Context, Result};

/// What `/proc` counts CPU time in: `USER_HZ`, which Linux keeps at 100 for every program it runs on x86 and ARM.
const TICKS_PER_SECOND: f64 = 100.0;

/// CPU time since the process started.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cpu {
    /// In its own code, in seconds.
    pub(crate) user: f64,
    /// In the kernel on its behalf, in seconds.
    pub(crate) system: f64,
}

impl Cpu {
    /// From `/proc/<pid>/stat`, in steps of a clock tick (10 ms): measure over seconds.
    pub(crate) fn of(pid: u32) -> Result<Cpu> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).context("the process has ended")?;
        // The name of the program, in parentheses, may hold anything: fields are counted after it.
        let fields = stat.rsplit_once(')').context("no name in `/proc/<pid>/stat`")?.1;
        let mut ticks = fields.split_ascii_whitespace().skip(11).map(str::parse::<u64>);
        let mut seconds =
            || -> Result<f64> { Ok(ticks.next().context("`/proc/<pid>/stat` is short")?? as f64 / TICKS_PER_SECOND) };
        Ok(Cpu { user: seconds()?, system: seconds()? })
    }

    /// What was used since `earlier`.
    pub(crate) fn since(self, earlier: Cpu) -> Cpu {
        Cpu { user: self.user - earlier.user, system: self.system - earlier.system }
    }

    /// User and system together, in seconds.
    pub(crate) fn total(self) -> f64 {
        self.user + self.system
    }
}

/// Resident memory in bytes, from `/proc/<pid>/status`.
pub(crate) fn resident_bytes(pid: u32) -> Result<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).context("the process has ended")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no `VmRSS` in `/proc`")?;
    let kib: u64 = line.trim().trim_end_matches(" kB").parse()?;
    Ok(kib * 1024)
}
