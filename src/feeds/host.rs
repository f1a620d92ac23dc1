//! The machine underneath: CPU, memory, disk and descriptors. The only door to sysinfo.
//!
//! Inside a container with a quota the shares are of the quota, read from the control group files; everything else comes
//! from `/proc` through sysinfo. Room on disks is asked of the kernel: sysinfo leaves out memory and network file systems.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::fs::statvfs;
use rustix::io::Errno;
use sysinfo::{CpuRefreshKind, MemoryRefreshKind, RefreshKind, System};

use crate::protocol::message::Scope;

/// What cannot be measured on this system.
pub type Error = sysinfo::Error;

/// A share of something, 0–100 with one decimal, and what it is a share of.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Share {
    /// 0–100, one decimal.
    pub percent: f64,
    /// Of what.
    pub scope: Scope,
}

impl Share {
    fn new(ratio: f64, scope: Scope) -> Share {
        Share { percent: (ratio * 1000.0).round().clamp(0.0, 1000.0) / 10.0, scope }
    }
}

/// Measures the busy share of the CPUs between one reading and the next.
///
/// Waiting for I/O counts as idle, as it does in `top`. With a quota below the CPUs of this machine, it is the CPU time
/// this control group used divided by what the quota allows in that time. The quota is looked for at every reading: it
/// can be changed while we run. Where the CPU time cannot be read twice, the share is of the machine.
pub struct CpuMeter {
    system: System,
    last: Instant,
    spent: Option<Spent>,
}

/// CPU time that was used under a quota.
struct Spent {
    quota: Quota,
    us: u64,
}

impl Spent {
    fn read(groups: &Groups, machine_cpus: usize) -> Option<Spent> {
        let quota = Quota::detect(groups, machine_cpus)?;
        let us = quota.used_us()?;
        Some(Spent { quota, us })
    }

    /// The share of what was allowed since another reading. None: they are of different groups, or no time has passed.
    fn since(&self, before: &Spent, time: Duration) -> Option<Share> {
        let allowed_us = time.as_secs_f64() * 1e6 * self.quota.cpus;
        let comparable = self.quota.usage == before.quota.usage && allowed_us > 0.0;
        let spent_us = self.us.checked_sub(before.us).filter(|_| comparable)?;
        Some(Share::new(spent_us as f64 / allowed_us, Scope::Cgroup))
    }
}

impl CpuMeter {
    /// Takes the first reading.
    ///
    /// # Errors
    /// Where this system has no readable CPU times.
    pub fn start() -> Result<CpuMeter, Error> {
        let mut system = System::new_with_specifics(RefreshKind::nothing().with_cpu(CpuRefreshKind::nothing()))?;
        system.refresh_cpu_usage();
        let spent = Spent::read(&Groups::of_this_process(), system.cpus().len());
        Ok(CpuMeter { system, last: Instant::now(), spent })
    }

    /// When the last reading was taken.
    pub fn last_read(&self) -> Instant {
        self.last
    }

    /// Reads anew where the last reading is older than this, so that the next share says nothing of what was before.
    pub fn forget_past(&mut self, age: Duration) {
        if self.last_read().elapsed() > age {
            self.read();
        }
    }

    /// The busy share since the last reading.
    pub fn read(&mut self) -> Share {
        self.system.refresh_cpu_usage();
        let spent = Spent::read(&Groups::of_this_process(), self.system.cpus().len());
        let now = Instant::now();
        let time = now.duration_since(std::mem::replace(&mut self.last, now));
        let before = std::mem::replace(&mut self.spent, spent);
        let of_quota = self.spent.as_ref().zip(before.as_ref()).and_then(|(spent, before)| spent.since(before, time));
        of_quota.unwrap_or_else(|| Share::new(f64::from(self.system.global_cpu_usage()) / 100.0, Scope::Host))
    }
}

/// The share of memory that is not available, now. Inside a container with a limit below the machine's memory, of the
/// limit, with the page cache the kernel can drop counted as available.
///
/// # Errors
/// Where this system has no readable memory figures.
pub fn memory() -> Result<Share, Error> {
    let refresh = RefreshKind::nothing().with_memory(MemoryRefreshKind::nothing().with_ram());
    let system = System::new_with_specifics(refresh)?;
    let total = system.total_memory();
    if let Some((limit, used)) = Groups::of_this_process().memory().filter(|(limit, _)| *limit < total) {
        return Ok(Share::new(used as f64 / limit as f64, Scope::Cgroup));
    }
    let taken = total.saturating_sub(system.available_memory());
    Ok(Share::new(taken as f64 / total.max(1) as f64, Scope::Host))
}

/// Bytes free for us on the file system that holds `path`, or the nearest directory above it that exists. May take as
/// long as the file system likes.
pub fn disk_free(path: &Path) -> Option<u64> {
    for ancestor in path.ancestors() {
        match statvfs(ancestor) {
            Ok(found) => return Some(found.f_bavail.saturating_mul(found.f_frsize)),
            Err(Errno::NOENT) => {}
            // It is there and does not tell: the one above may be of another file system.
            Err(_) => return None,
        }
    }
    None
}

/// Descriptors this process has open, and how many it may have.
pub fn descriptors() -> Option<(u64, u64)> {
    const OPEN: &str = "/proc/self/fd";
    let open = match fs::metadata(OPEN).ok()?.len() {
        // Before Linux 6.2 the directory has no size and has to be listed; the listing itself holds one.
        0 => (fs::read_dir(OPEN).ok()?.count() as u64).saturating_sub(1),
        // Since then its size is the count: with ten thousand connections a listing takes milliseconds.
        count => count,
    };
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).current?;
    Some((open, limit))
}

/// CPU time this process has used, user and system, in seconds.
pub fn cpu_seconds() -> Option<f64> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    // The name in brackets may hold anything; the fields behind it start with the state, the third of `proc(5)`.
    let mut fields = stat.rsplit_once(')')?.1.split_ascii_whitespace().skip(11);
    let ticks = fields.next()?.parse::<u64>().ok()? + fields.next()?.parse::<u64>().ok()?;
    Some(ticks as f64 / rustix::param::clock_ticks_per_second() as f64)
}

/// Resident memory of this process, in bytes.
pub fn resident_bytes() -> Option<u64> {
    let pages: u64 = fs::read_to_string("/proc/self/statm").ok()?.split_ascii_whitespace().nth(1)?.parse().ok()?;
    Some(pages * rustix::param::page_size() as u64)
}

/// A CPU quota and where its use is counted.
struct Quota {
    cpus: f64,
    usage: Usage,
}

#[derive(PartialEq)]
enum Usage {
    /// `cpu.stat` of a version 2 group, with a line `usage_usec N`.
    Stat(PathBuf),
    /// `cpuacct.usage` of a version 1 group, in nanoseconds.
    Nanoseconds(PathBuf),
}

impl Quota {
    /// The tightest quota on the way from this process's group to the root; none where it allows as much as the machine's
    /// CPUs can give, for a share of it would never be whole.
    fn detect(groups: &Groups, machine_cpus: usize) -> Option<Quota> {
        let v2 = groups.v2.iter().filter_map(|dir| {
            let (quota, period) =
                read(&dir.join("cpu.max"))?.split_once(' ').map(|(q, p)| (q.to_owned(), p.to_owned()))?;
            Some((quota.parse::<f64>().ok()? / period.parse::<f64>().ok()?, Usage::Stat(dir.join("cpu.stat"))))
        });
        let v1 = groups.cpu_v1.iter().filter_map(|dir| {
            let quota: f64 = read(&dir.join("cpu.cfs_quota_us"))?.parse().ok()?;
            let period: f64 = read(&dir.join("cpu.cfs_period_us"))?.parse().ok()?;
            Some((quota / period, Usage::Nanoseconds(dir.join("cpuacct.usage"))))
        });
        let limits = v2.chain(v1).filter(|(cpus, _)| *cpus > 0.0 && *cpus < machine_cpus as f64);
        let (cpus, usage) = limits.min_by(|one, other| one.0.total_cmp(&other.0))?;
        Some(Quota { cpus, usage })
    }

    fn used_us(&self) -> Option<u64> {
        match &self.usage {
            Usage::Stat(path) => field(path, "usage_usec"),
            Usage::Nanoseconds(path) => Some(read(path)?.parse::<u64>().ok()? / 1000),
        }
    }
}

/// The directories of this process's control groups, innermost first.
struct Groups {
    v2: Vec<PathBuf>,
    cpu_v1: Vec<PathBuf>,
    memory_v1: Vec<PathBuf>,
}

impl Groups {
    fn of_this_process() -> Groups {
        Groups::parse(&fs::read_to_string("/proc/self/cgroup").unwrap_or_default(), Path::new("/sys/fs/cgroup"))
    }

    /// `text` is `/proc/self/cgroup`: lines of `id:controllers:path`, without controllers for version 2.
    fn parse(text: &str, root: &Path) -> Groups {
        let path = |controller: &str| {
            text.lines().find_map(|line| {
                let mut parts = line.splitn(3, ':').skip(1);
                let (controllers, path) = (parts.next()?, parts.next()?);
                let named = if controller.is_empty() {
                    controllers.is_empty()
                } else {
                    controllers.split(',').any(|word| word == controller)
                };
                named.then(|| path.trim_start_matches('/').to_owned())
            })
        };
        let up = |root: PathBuf, path: Option<String>| -> Vec<PathBuf> {
            let Some(path) = path else { return Vec::new() };
            let inner = root.join(path);
            inner.ancestors().take_while(|dir| dir.starts_with(&root)).map(Path::to_owned).collect()
        };
        Groups {
            v2: up(root.to_owned(), path("")),
            cpu_v1: up(root.join("cpu"), path("cpu")),
            memory_v1: up(root.join("memory"), path("memory")),
        }
    }

    /// The tightest memory limit on the way to the root, and the bytes used under it that cannot be dropped.
    fn memory(&self) -> Option<(u64, u64)> {
        let v2 = self.v2.iter().filter_map(|dir| {
            let limit: u64 = read(&dir.join("memory.max"))?.parse().ok()?;
            let used: u64 = read(&dir.join("memory.current"))?.parse().ok()?;
            Some((limit, used.saturating_sub(field(&dir.join("memory.stat"), "inactive_file").unwrap_or(0))))
        });
        let v1 = self.memory_v1.iter().filter_map(|dir| {
            let limit: u64 = read(&dir.join("memory.limit_in_bytes"))?.parse().ok()?;
            let used: u64 = read(&dir.join("memory.usage_in_bytes"))?.parse().ok()?;
            Some((limit, used.saturating_sub(field(&dir.join("memory.stat"), "total_inactive_file").unwrap_or(0))))
        });
        v2.chain(v1).filter(|(limit, _)| *limit > 0).min_by_key(|(limit, _)| *limit)
    }
}

fn read(path: &Path) -> Option<String> {
    fs::read_to_string(path).ok().map(|text| text.trim().to_owned())
}

/// The number behind a name in a file of `name number` lines.
fn field(path: &Path, name: &str) -> Option<u64> {
    let text = fs::read_to_string(path).ok()?;
    text.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(root: &Path, path: &str, text: &str) {
        let path = root.join(path);
        fs::create_dir_all(path.parent().expect("a parent")).expect("a directory");
        fs::write(path, text).expect("a file");
    }

    #[test]
    fn the_tightest_quota_above_a_version_2_group_holds() {
        let root = tempfile::tempdir().expect("a directory");
        write(root.path(), "a/cpu.max", "150000 100000\n");
        write(root.path(), "a/cpu.stat", "usage_usec 7000000\nuser_usec 1\n");
        write(root.path(), "a/b/cpu.max", "max 100000\n");
        write(root.path(), "a/memory.max", "1000\n");
        write(root.path(), "a/memory.current", "700\n");
        write(root.path(), "a/memory.stat", "anon 1\ninactive_file 200\n");
        let groups = Groups::parse("0::/a/b\n", root.path());
        let quota = Quota::detect(&groups, 2).expect("a quota");
        assert_eq!((quota.cpus, quota.used_us()), (1.5, Some(7_000_000)));
        assert!(Quota::detect(&groups, 1).is_none(), "it allows more than there is");
        assert_eq!(groups.memory(), Some((1000, 500)));
    }

    #[test]
    fn version_1_groups_are_read_and_no_quota_is_none() {
        let root = tempfile::tempdir().expect("a directory");
        write(root.path(), "cpu/x/cpu.cfs_quota_us", "50000\n");
        write(root.path(), "cpu/x/cpu.cfs_period_us", "100000\n");
        write(root.path(), "cpu/x/cpuacct.usage", "9000000\n");
        write(root.path(), "cpu/cpu.cfs_quota_us", "-1\n");
        write(root.path(), "cpu/cpu.cfs_period_us", "100000\n");
        let quota =
            Quota::detect(&Groups::parse("4:cpu,cpuacct:/x\n1:name=systemd:/\n", root.path()), 1).expect("a quota");
        assert_eq!((quota.cpus, quota.used_us()), (0.5, Some(9_000)));
        assert!(Quota::detect(&Groups::parse("4:cpu:/\n", root.path()), 1).is_none());
        assert!(Quota::detect(&Groups::parse("", root.path()), 1).is_none());
    }

    #[test]
    fn a_share_of_a_quota_needs_two_readings_of_one_group() {
        let root = tempfile::tempdir().expect("a directory");
        let groups = Groups::parse("0::/a\n", root.path());
        let reading = |max: &str, stat: &str| {
            write(root.path(), "a/cpu.max", max);
            write(root.path(), "a/cpu.stat", stat);
            Spent::read(&groups, 1)
        };
        let first = reading("50000 100000\n", "usage_usec 1000000\n").expect("a reading");
        let second = reading("50000 100000\n", "usage_usec 1250000\n").expect("a reading");
        let time = Duration::from_secs(1);
        assert_eq!(second.since(&first, time), Some(Share { percent: 50.0, scope: Scope::Cgroup }));
        assert_eq!(second.since(&first, Duration::ZERO), None);
        assert_eq!(first.since(&second, time), None, "a counter that went back is of another group");
        let tighter = reading("25000 100000\n", "usage_usec 1250000\n").expect("a reading");
        assert_eq!(tighter.since(&first, time).map(|share| share.percent), Some(100.0), "the quota as it is now");
        assert!(reading("50000 100000\n", "user_usec 1\n").is_none(), "no false 0");
        assert!(reading("max 100000\n", "usage_usec 1250000\n").is_none());
        let elsewhere = Quota { cpus: 0.5, usage: Usage::Stat(root.path().join("b/cpu.stat")) };
        assert_eq!(second.since(&Spent { quota: elsewhere, us: 0 }, time), None);
    }

    #[test]
    fn the_room_is_that_of_the_file_system_that_holds_a_path() {
        // There is never room in `/proc`, and there is above it.
        assert_eq!(disk_free(Path::new("/proc")), Some(0));
        assert_eq!(disk_free(Path::new("/proc/nowhere/at/all")), Some(0));
        let folder = tempfile::tempdir().expect("a directory");
        assert!(disk_free(folder.path()).is_some_and(|free| free > 0));
        let file = folder.path().join("file");
        fs::write(&file, "").expect("a file");
        assert_eq!(disk_free(&file.join("below")), None, "a file has nothing below it");
    }

    #[test]
    fn shares_have_one_decimal_and_stay_in_range() {
        assert_eq!(Share::new(0.45249, Scope::Host).percent, 45.2);
        assert_eq!(Share::new(1.7, Scope::Cgroup).percent, 100.0);
        assert_eq!(Share::new(-0.1, Scope::Host).percent, 0.0);
    }
}
