//! `[[pool]]`: the pools and their backends, from the file and from `--backend`.

use super::check::{CheckDraft, kind, kind_of, target};
use super::report::{Place, Report};
use super::section::{Item, Raw, Section};
use super::server::name;
use super::{Backend, Overrides, Pool};
use crate::checks::{CheckSpec, Probe, Shared};
use crate::net::Target;
use crate::protocol::control::WEIGHT_MAX;

const BACKEND_FLAG: &str = "`--backend`";

/// A pool whose backends are not complete yet.
struct PoolDraft<'t> {
    name: String,
    min_healthy: Option<Item<u32>>,
    critical: bool,
    backends: Vec<BackendDraft>,
    /// Whether `backends` lacks some that were meant to be there, which is noted already.
    incomplete: bool,
    /// The scheme of an address without one.
    scheme: String,
    check: CheckDraft,
    /// What its checks have in common.
    shared: Shared,
    /// `[pool.check]`; none for a pool of the command line.
    check_section: Option<Section<'t>>,
    place: Place,
}

struct BackendDraft {
    target: Target,
    weight: u32,
    place: Place,
}

/// The pools of the file, and the backends of the command line beside or in place of theirs.
pub(super) fn read<'t>(root: &mut Section<'t>, overrides: &Overrides, report: &mut Report<'t>) -> Vec<Pool> {
    let mut pools: Vec<PoolDraft<'t>> = Vec::new();
    for section in root.tables(report, "pool", "[[pool]]") {
        let Some(pool) = PoolDraft::read(section, report) else { continue };
        if pools.iter().any(|other| other.name == pool.name) {
            report.problem(pool.place, format_args!("pool `{}` is there twice; give one another name", pool.name));
        }
        pools.push(pool);
    }
    for text in &overrides.backends {
        if let Err(why) = add_backend(&mut pools, text) {
            report.problem(Place::Given(BACKEND_FLAG), why);
        }
    }
    pools.into_iter().map(|pool| pool.finish(report)).collect()
}

impl<'t> PoolDraft<'t> {
    fn read(mut section: Section<'t>, report: &mut Report<'t>) -> Option<PoolDraft<'t>> {
        let place = section.place();
        let called = section.require(report, "name", "name = \"web\"", |raw| name(raw.text()?));
        let min_healthy = section.read(report, "min_healthy", |raw| raw.number(0, u32::MAX));
        let critical = section.read(report, "critical", |raw| raw.flag());
        let listed = section.require(report, "backends", "backends = [\"127.0.0.1:8081\"]", |raw| {
            raw.list().map(Iterator::collect::<Vec<_>>)
        });
        let mut check_section = section.table(report, "check", "[pool.check]");
        let kind = check_section.read(report, "kind", |raw| kind(raw.text()?));
        let check = CheckDraft::read(&mut check_section, report);
        check_section.finish(report);
        section.finish(report);

        let mut pool = PoolDraft {
            name: called.map(|item| item.value)?,
            min_healthy,
            critical: critical.is_none_or(|item| item.value),
            backends: Vec::new(),
            incomplete: listed.is_none(),
            scheme: kind.map_or(kind_of(&check.options).to_owned(), |item| item.value),
            check,
            shared: Shared::default(),
            check_section: Some(check_section),
            place,
        };
        for raw in listed.into_iter().flat_map(|item| item.value) {
            match pool.backend(raw, report).map(|backend| pool.add(backend)) {
                Some(Ok(())) => {}
                Some(Err(why)) => report.problem(raw.place(), why),
                None => pool.incomplete = true,
            }
        }
        Some(pool)
    }

    /// `"127.0.0.1:8081"` or `{ address = "127.0.0.1:8081", weight = 3 }`.
    fn backend(&self, raw: Raw<'t>, report: &mut Report<'t>) -> Option<BackendDraft> {
        let place = raw.place();
        let Some(mut section) = raw.section("a backend") else {
            let address =
                raw.text().map_err(|_| raw.expected("`\"HOST:PORT\"` or `{ address = \"HOST:PORT\", weight = 1 }`"));
            let target = address.and_then(|address| self.target(address));
            let target =
                target.inspect_err(|why| report.problem(place, format_args!("`backends` in [[pool]]: {why}"))).ok()?;
            return Some(BackendDraft { target, weight: 1, place });
        };
        let target = section.require(report, "address", "address = \"127.0.0.1:8081\"", |raw| self.target(raw.text()?));
        let weight = section.read(report, "weight", |raw| raw.number(0, WEIGHT_MAX));
        section.finish(report);
        Some(BackendDraft { target: target?.value, weight: weight.map_or(1, |item| item.value), place })
    }

    /// What an address of this pool means.
    fn target(&self, address: &str) -> Result<Target, String> {
        if address.contains("://") {
            return target(address);
        }
        if address.is_empty() || address.contains(['/', '@', '?', '#']) || address.contains(char::is_whitespace) {
            return Err(format!(
                "`{}` is not an address; write `HOST:PORT`, or a URL like `http://HOST:PORT/healthz`",
                address.rsplit('@').next().unwrap_or_default().escape_debug()
            ));
        }
        if address.parse::<std::net::Ipv6Addr>().is_ok() {
            return Err(format!("`{address}` has no port; write `[{address}]:PORT`"));
        }
        Target::parse(&format!("{}://{address}", self.scheme)).map_err(|error| error.to_string())
    }

    /// Takes a backend in: a flag's in place of the file's with the same address, any other address once.
    fn add(&mut self, backend: BackendDraft) -> Result<(), String> {
        let address = backend.target.address();
        let Some(known) = self.backends.iter_mut().find(|known| known.target.address() == address) else {
            self.backends.push(backend);
            return Ok(());
        };
        if matches!((known.place, backend.place), (Place::File(_), Place::Given(_))) {
            *known = backend;
            return Ok(());
        }
        Err(format!("backend `{address}` is there twice in pool `{}`; leave one out", self.name))
    }

    fn finish(self, report: &mut Report<'_>) -> Pool {
        let backends: Vec<Backend> =
            self.backends.iter().filter_map(|backend| self.complete(backend, report)).collect();
        if self.backends.is_empty() && !self.incomplete {
            report.problem(
                self.place,
                format_args!("pool `{}` has no backends; add one or leave the pool out", self.name),
            );
        }
        let min_healthy = self.min_healthy.map_or(1, |item| {
            if item.value as usize > self.backends.len() && !self.incomplete {
                report.problem(
                    item.place,
                    format_args!(
                        "`min_healthy = {}` can never be reached; write at most {}, the number of backends of pool `{}`",
                        item.value,
                        self.backends.len(),
                        self.name
                    ),
                );
            }
            item.value as usize
        });
        Pool { name: self.name, min_healthy, critical: self.critical, backends }
    }

    fn complete(&self, backend: &BackendDraft, report: &mut Report<'_>) -> Option<Backend> {
        let address = backend.target.address();
        let probe = Probe::sharing(&backend.target, &self.check.options, &self.shared);
        let blame = |why: &str| self.check_section.as_ref().and_then(|section| section.place_named_in(why));
        let probe = probe.inspect_err(|why| report.problem(blame(why).unwrap_or(backend.place), why)).ok()?;
        let check = CheckSpec { name: format!("{}/{address}", self.name), probe, timing: self.check.timing.clone() };
        Some(Backend { address, weight: backend.weight, check })
    }
}

/// `POOL=ADDR[,weight=N]`.
fn add_backend(pools: &mut Vec<PoolDraft<'_>>, text: &str) -> Result<(), String> {
    let (pool, rest) = text.split_once('=').ok_or_else(|| {
        "this is not of the form `POOL=ADDR[,weight=N]`; write for example `web=127.0.0.1:8081`".to_owned()
    })?;
    let pool = name(pool)?;
    let option = rest.rsplit_once(',').and_then(|(address, option)| Some((address, option.split_once('=')?)));
    let (address, weight) = match option {
        None => (rest, 1),
        Some((address, ("weight", number))) => {
            let weight = number.parse().ok().filter(|weight| *weight <= WEIGHT_MAX);
            (address, weight.ok_or_else(|| format!("weight `{number}` is not a whole number from 0 to {WEIGHT_MAX}"))?)
        }
        Some((_, (option, _))) => return Err(format!("unknown option `{option}`; a backend knows only `weight`")),
    };
    let place = Place::Given(BACKEND_FLAG);
    let known = pools.iter_mut().position(|known| known.name == pool);
    let index = known.unwrap_or(pools.len());
    if known.is_none() {
        pools.push(PoolDraft {
            name: pool,
            min_healthy: None,
            critical: true,
            backends: Vec::new(),
            incomplete: false,
            scheme: "tcp".to_owned(),
            check: CheckDraft::default(),
            shared: Shared::default(),
            check_section: None,
            place,
        });
    }
    let pool = &mut pools[index];
    match pool.target(address) {
        Ok(target) => pool.add(BackendDraft { target, weight, place }),
        Err(why) => {
            pool.incomplete = true;
            Err(why)
        }
    }
}
