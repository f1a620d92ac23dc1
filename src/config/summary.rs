//! What the settings come to, in plain lines without secrets: the answer of `--check-config`.

use std::fmt;
use std::time::SystemTime;

use super::{ControlToken, FeedAccess, Settings};
use crate::checks::CheckSpec;
use crate::duration;
use crate::net::certificate;
use crate::net::tls::server::Demand;

/// Displays settings in a few lines.
#[derive(Debug, Clone, Copy)]
pub struct Summary<'s>(pub &'s Settings);

impl fmt::Display for Summary<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Summary(settings) = self;
        writeln!(f, "listen   {}", settings.listen)?;
        writeln!(f, "node     {}", settings.node)?;
        writeln!(f, "state    {}", settings.state_dir.display())?;
        match &settings.auth.control {
            ControlToken::Given(_, Some(path)) => writeln!(f, "control  with the token in {}", path.display())?,
            ControlToken::Given(_, None) => writeln!(f, "control  with the token in VELOFLUX_TOKEN")?,
            ControlToken::Generated => writeln!(f, "control  with a token generated at first start")?,
        }
        match &settings.auth.feeds {
            FeedAccess::Public => writeln!(f, "feeds    to whoever can connect")?,
            FeedAccess::Restricted(_) => writeln!(f, "feeds    with a token")?,
        }
        match &settings.audit {
            Some(path) => writeln!(f, "audit    {}", path.display())?,
            None => writeln!(f, "audit    not kept")?,
        }
        if let Some(tls) = &settings.tls {
            let days = certificate::days(SystemTime::now(), tls.until());
            writeln!(f, "tls      {}, {days} days left", tls.options().identity.certificate.display())?;
            if let Some(clients) = &tls.options().clients {
                let demand = match clients.demand {
                    Demand::Required => "required",
                    Demand::Optional => "optional",
                };
                writeln!(f, "         certificates of clients {demand}, by {}", clients.authorities.display())?;
            }
        }
        for proxy in &settings.trusted_proxies {
            writeln!(f, "proxy    {proxy}")?;
        }
        for origin in &settings.allowed_origins {
            writeln!(f, "origin   {origin}")?;
        }
        let tariff = &settings.tariff;
        writeln!(
            f,
            "billing  {base} {currency} a month with {included} units included, then {price} {currency} a unit; a unit \
             (`{unit}`) is {requests} requests; months of {zone}",
            base = tariff.base_fee.decimal(),
            currency = tariff.currency.code(),
            included = tariff.included.decimal(),
            price = tariff.unit_price.decimal(),
            unit = tariff.unit,
            requests = tariff.requests_per_unit,
            zone = tariff.time_zone.iana_name().unwrap_or("UTC"),
        )?;
        for pool in &settings.pools {
            let critical = if pool.critical { "critical" } else { "not critical" };
            writeln!(f, "pool     {}: {critical}, at least {} healthy", pool.name, pool.min_healthy)?;
            for backend in &pool.backends {
                writeln!(f, "         {}, weight {}, {}", backend.address, backend.weight, how(&backend.check))?;
            }
        }
        for source in &settings.sources {
            let critical = if source.critical { "critical" } else { "not critical" };
            let (spec, least) = (&source.spec, source.min_healthy);
            let every = duration::format(spec.interval);
            writeln!(
                f,
                "source   {}: {} every {every}; its pools {critical}, at least {least} healthy",
                spec.name,
                spec.kind()
            )?;
        }
        for dependency in &settings.dependencies {
            let critical = if dependency.critical { "critical" } else { "not critical" };
            writeln!(f, "check    {}: {critical}, {}", dependency.check.name, how(&dependency.check))?;
        }
        for warning in &settings.warnings {
            writeln!(f, "warning  {warning}")?;
        }
        Ok(())
    }
}

fn how(check: &CheckSpec) -> String {
    format!("{} every {}", check.probe.kind(), duration::format(check.timing.interval))
}
