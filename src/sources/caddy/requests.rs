//! Requests, out of what Caddy's handlers have counted. Pure.
//!
//! A request runs through the handlers of its routes, and each of them that stands in a route of the server itself counts it,
//! by its kind. Some answer, and so count it last; the others hand it on. So it is counted once by those kinds that only
//! answer, and by another at most as often as that kind stands there and hands on. The requests are all that the first have
//! counted, or more, where one of the others must have seen more. Of a kind that does both (`forward_auth` is a
//! `reverse_proxy`) nobody can tell how often it saw the same one: then this is the least that there can have been, for
//! what was not there is not billed.
//!
//! Which handlers stand there may change with every reload, and counters stay: then those that have been counted stay so,
//! and what is counted from there on is made requests of by itself. Not so from one reading to the next, because a request
//! may have met one handler before it, and another after.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use serde_json::Value;

use super::DEPTH_MAX;
use crate::limits::COUNTERS_REMEMBERED_MAX;
use crate::sources::Counter;
use crate::sources::exposition::Sample;
use crate::usage::Afresh;

/// Kinds of handlers that answer whatever comes to them.
const ANSWERING: [&str; 6] = ["error", "file_server", "metrics", "reverse_proxy", "static_response", "subroute"];

/// By kind of handler.
type Counts = BTreeMap<String, u64>;

/// How the handlers of a server stand, by kind.
type Plan = BTreeMap<String, Places>;

/// How handlers of one kind stand in the routes of a server.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
struct Places {
    /// How many may hand a request on.
    passing: u64,
    /// Whether another one answers.
    answering: bool,
}

impl Places {
    /// As where nobody knows how they stand.
    fn usual(kind: &str) -> Places {
        let answering = ANSWERING.contains(&kind);
        Places { passing: u64::from(!answering), answering }
    }

    /// How often one request may be counted.
    fn times(self) -> u64 {
        self.passing + u64::from(self.answering)
    }
}

/// What was counted up to now, by server.
#[derive(Debug, Clone, Default)]
pub(super) struct Requests(BTreeMap<String, Served>);

/// The requests of one server.
#[derive(Debug, Clone, Default)]
struct Served {
    /// How its handlers stand, since when, and how many requests there had been.
    places: Plan,
    since: Counts,
    before: u64,
    /// As last read.
    last: Counts,
    counted: u64,
}

impl Requests {
    /// Takes a reading, with the servers of the configuration of then. What comes never goes down.
    pub(super) fn take(&mut self, samples: &[Sample<'_>], servers: &Value) -> Vec<Counter> {
        let now = counts(samples);
        if self.0.len() > COUNTERS_REMEMBERED_MAX {
            self.0.retain(|server, _| now.contains_key(server));
        }
        let counter = |(server, counts): (String, Counts)| {
            let places = places(&servers[server.as_str()]["routes"]);
            let afresh = Afresh { value: met(&counts, &places), basis: basis(&places) };
            let counted = self.0.entry(server.clone()).or_default().take(counts, places);
            Counter { afresh: Some(afresh), ..Counter::new(server, counted) }
        };
        now.into_iter().map(counter).collect()
    }
}

impl Served {
    fn take(&mut self, counts: Counts, places: Plan) -> u64 {
        let last = |kind: &String| self.last.get(kind).copied().unwrap_or(0);
        let mut restarted = counts.clone();
        restarted.retain(|kind, count| *count < last(kind));
        if places != self.places || !restarted.is_empty() {
            self.places = places;
            // A count that cannot be leaves no room to count on.
            self.counted = if self.counted > u64::MAX / 2 { 0 } else { self.counted };
            self.before = self.counted;
            self.since.clone_from(&self.last);
            restarted.values_mut().for_each(|count| *count = 0);
            self.since.extend(restarted);
        }
        if self.last.len() > COUNTERS_REMEMBERED_MAX {
            self.last.retain(|kind, _| counts.contains_key(kind));
            self.since.retain(|kind, _| counts.contains_key(kind));
        }
        self.last.extend(counts);
        let since = |kind: &String| self.since.get(kind).copied().unwrap_or(0);
        let more = self.last.iter().map(|(kind, count)| (kind.clone(), count.saturating_sub(since(kind)))).collect();
        self.counted = self.before.saturating_add(met(&more, &self.places)).max(self.counted);
        self.counted
    }
}

/// The requests of a page of metrics alone, whose counters begin again with it. Nobody knows then how the handlers stand:
/// those that answer have counted them, or, where there are none, the one that has seen most.
pub(in crate::sources) fn of_metrics(samples: &[Sample<'_>]) -> Vec<Counter> {
    let of_server = |(server, mut counts): (String, Counts)| {
        if counts.keys().any(|kind| ANSWERING.contains(&kind.as_str())) {
            counts.retain(|kind, _| ANSWERING.contains(&kind.as_str()));
        }
        Counter::new(server, met(&counts, &Plan::new()))
    };
    counts(samples).into_iter().map(of_server).collect()
}

/// By server and kind of handler, over its hosts.
fn counts(samples: &[Sample<'_>]) -> BTreeMap<String, Counts> {
    let mut servers: BTreeMap<String, Counts> = BTreeMap::new();
    for sample in samples.iter().filter(|sample| sample.name == "caddy_http_requests_total") {
        if let (Some(server), Some(kind), Some(count)) =
            (sample.label("server"), sample.label("handler"), sample.count())
        {
            let seen = servers.entry(server.to_owned()).or_default().entry(kind.to_owned()).or_default();
            *seen = seen.saturating_add(count);
        }
    }
    servers
}

/// How many requests there were, where the handlers have counted so many.
fn met(counts: &Counts, places: &Plan) -> u64 {
    let (mut answered, mut least) = (0_u64, 0);
    for (kind, count) in counts {
        let places = places.get(kind.as_str()).copied().unwrap_or_else(|| Places::usual(kind));
        if places.passing == 0 {
            answered = answered.saturating_add(*count);
        }
        least = least.max(count.div_ceil(places.times()));
    }
    answered.max(least)
}

/// By what requests are reckoned. A later version may hash otherwise; then nothing is gone on from.
fn basis(places: &Plan) -> u64 {
    let mut hasher = DefaultHasher::new();
    places.hash(&mut hasher);
    hasher.finish()
}

/// How the handlers stand in the routes of a server.
fn places(routes: &Value) -> Plan {
    let mut places = Plan::new();
    for route in routes.as_array().into_iter().flatten() {
        let handlers = route["handle"].as_array().map(Vec::as_slice).unwrap_or_default();
        for (index, handler) in handlers.iter().enumerate() {
            let Some(kind) = handler["handler"].as_str() else { continue };
            let places = places.entry(kind.to_owned()).or_default();
            // The last one of a route that is terminal has nobody to hand on to.
            let last = route["terminal"] == true && index + 1 == handlers.len();
            if last || answers(handler, 0) {
                places.answering = true;
            } else {
                places.passing += 1;
            }
        }
    }
    places
}

/// Whether a handler answers; what lies in it may be for some requests only, but is there to answer them.
fn answers(handler: &Value, depth: usize) -> bool {
    let array = |value: &Value| value.as_array().is_some_and(|array| !array.is_empty());
    match handler["handler"].as_str().unwrap_or_default() {
        "subroute" if depth > DEPTH_MAX => true,
        "subroute" => {
            let routes = handler["routes"].as_array().into_iter().flatten();
            let mut handlers = routes.filter_map(|route| route["handle"].as_array()).flatten();
            handlers.any(|handler| answers(handler, depth + 1))
        }
        "reverse_proxy" => !array(&handler["handle_response"]),
        "file_server" => handler["pass_thru"] != true,
        kind => ANSWERING.contains(&kind),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::sources::exposition::samples;

    /// A page where the handlers of `srv0` have counted so many.
    fn page(counts: &[(&str, u64)]) -> String {
        let line = |(kind, count): &(&str, u64)| {
            format!("caddy_http_requests_total{{server=\"srv0\",handler=\"{kind}\"}} {count}\n")
        };
        counts.iter().map(line).collect()
    }

    /// The routes of `srv0`, each with handlers of these kinds.
    fn servers(routes: &[&[&str]]) -> Value {
        let handler = |kind: &&str| match *kind {
            "forward_auth" => json!({"handler": "reverse_proxy", "handle_response": [{}]}),
            "handle" => json!({"handler": "subroute", "routes": [{"handle": [{"handler": "static_response"}]}]}),
            kind => json!({ "handler": kind }),
        };
        let route = |kinds: &&[&str]| json!({"handle": kinds.iter().map(handler).collect::<Vec<_>>()});
        json!({"srv0": {"routes": routes.iter().map(route).collect::<Vec<_>>()}})
    }

    fn taken(requests: &mut Requests, counts: &[(&str, u64)], servers: &Value) -> u64 {
        requests.take(&samples(&page(counts)).expect("metrics"), servers)[0].value
    }

    #[test]
    fn a_request_is_counted_once_whichever_handlers_it_meets() {
        let check = |routes: &[&[&str]], counts: &[(&str, u64)], wanted: u64| {
            assert_eq!(taken(&mut Requests::default(), counts, &servers(routes)), wanted, "{routes:?} {counts:?}");
        };
        check(&[&["encode"], &["reverse_proxy"]], &[("encode", 50), ("reverse_proxy", 50)], 50);
        check(&[&["static_response"], &["reverse_proxy"]], &[("static_response", 20), ("reverse_proxy", 30)], 50);
        check(&[&["encode"], &["reverse_proxy"]], &[("encode", 60), ("reverse_proxy", 30)], 60);
        check(&[&["headers", "headers"], &["reverse_proxy"]], &[("headers", 60), ("reverse_proxy", 30)], 30);
        check(&[&["handle"], &["reverse_proxy"]], &[("subroute", 20), ("reverse_proxy", 30)], 50);
        // It answers nothing, and so hands on.
        check(&[&["subroute"], &["reverse_proxy"]], &[("subroute", 20), ("reverse_proxy", 30)], 30);
        // All were let through; or none.
        check(&[&["forward_auth"], &["reverse_proxy"]], &[("reverse_proxy", 60)], 30);
        check(&[&["forward_auth"], &["file_server"]], &[("reverse_proxy", 60), ("file_server", 0)], 60);
        check(&[&["forward_auth"], &["file_server"]], &[("reverse_proxy", 60), ("file_server", 50)], 60);
    }

    #[test]
    fn the_last_of_a_terminal_route_hands_on_to_nobody() {
        let subroute = json!({"handler": "subroute", "routes": [{"handle": [{"handler": "headers"}]}]});
        let route = |terminal: bool| json!({"handle": [subroute], "terminal": terminal});
        let other = json!({"handle": [{"handler": "static_response"}]});
        for (terminal, wanted) in [(true, 50), (false, 30)] {
            let servers = json!({"srv0": {"routes": [route(terminal), other]}});
            let counts = [("subroute", 20), ("static_response", 30)];
            assert_eq!(taken(&mut Requests::default(), &counts, &servers), wanted);
        }
    }

    #[test]
    fn other_handlers_after_a_reload_and_a_restart_take_nothing_back() {
        let mut requests = Requests::default();
        let (plain, guarded) = (servers(&[&["reverse_proxy"]]), servers(&[&["forward_auth"], &["reverse_proxy"]]));
        assert_eq!(taken(&mut requests, &[("reverse_proxy", 50)], &plain), 50);
        assert_eq!(taken(&mut requests, &[("reverse_proxy", 54)], &guarded), 52);
        assert_eq!(taken(&mut requests, &[("reverse_proxy", 55)], &plain), 53);
        assert_eq!(taken(&mut requests, &[("reverse_proxy", 4)], &plain), 57, "it was restarted");
        assert_eq!(taken(&mut requests, &[("subroute", 2)], &plain), 59, "it had other handlers, which count on");
        assert_eq!(taken(&mut requests, &[("subroute", 2), ("reverse_proxy", 5)], &plain), 60);
    }

    #[test]
    fn what_cannot_be_is_not_counted_on_from() {
        let (mut requests, plain) = (Requests::default(), servers(&[&["reverse_proxy"]]));
        for (count, wanted) in [(5, 5), (u64::MAX, u64::MAX), (3, 3), (4, 4)] {
            assert_eq!(taken(&mut requests, &[("reverse_proxy", count)], &plain), wanted);
        }
    }

    #[test]
    fn one_that_is_under_way_while_it_is_read_is_counted_once() {
        let mut requests = Requests::default();
        let behind = servers(&[&["encode"], &["reverse_proxy"]]);
        for (encode, proxy) in [(7, 7), (8, 7), (8, 8), (9, 9)] {
            assert_eq!(taken(&mut requests, &[("encode", encode), ("reverse_proxy", proxy)], &behind), encode);
        }
        let guarded = servers(&[&["forward_auth"], &["reverse_proxy"]]);
        let mut requests = Requests::default();
        for (count, wanted) in [(2, 1), (3, 2), (4, 2), (5, 3), (7, 4), (8, 4)] {
            assert_eq!(taken(&mut requests, &[("reverse_proxy", count)], &guarded), wanted);
        }
    }

    #[test]
    fn without_the_configuration_those_that_answer_count() {
        let count = |counts: &[(&str, u64)]| of_metrics(&samples(&page(counts)).expect("metrics"))[0].value;
        assert_eq!(count(&[("headers", 60), ("static_response", 10), ("reverse_proxy", 20)]), 30);
        assert_eq!(count(&[("encode", 60), ("cgi", 50)]), 60);
        let hosts = "caddy_http_requests_total{server=\"srv0\",handler=\"file_server\",host=\"a\"} 3\n\
                     caddy_http_requests_total{server=\"srv0\",handler=\"file_server\",host=\"b\"} 4\n";
        assert_eq!(of_metrics(&samples(hosts).expect("metrics"))[0].value, 7);
    }
}
