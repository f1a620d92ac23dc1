//! Usage and cost on the wire: computed in decimals, told as numbers.

use serde_json::{Value, json};
use veloflux::protocol::Feed;

use crate::support::TestServer;

fn billing(server: &TestServer) -> Value {
    server.open(Feed::Billing).json()["data"].clone()
}

/// Everything that was requested is booked and shown.
fn after_requests(server: &TestServer, count: u32) -> Value {
    (0..count).for_each(|_| assert_eq!(server.get("/livez").status, 200));
    server.force_update(r#"{"type":"billing"}"#);
    billing(server)
}

#[test]
fn by_default_requests_are_counted_and_cost_nothing() {
    let server = TestServer::start();
    let before = billing(&server)["usage"].as_f64().expect("a number");
    let data = after_requests(&server, 50);
    // The fifty, and this test's own handshake and order.
    let counted = data["usage"].as_f64().expect("a number") - before;
    assert!((50.0..=52.0).contains(&counted), "{counted}");
    assert_eq!(
        (&data["unit"], &data["currency"], &data["period"]),
        (&json!("request"), &json!("USD"), &json!("current_month"))
    );
    assert_eq!(data["cost"].as_f64(), Some(0.0));
    assert_eq!(data["partial"], true, "metering began inside this month");
}

#[test]
fn cost_is_the_base_fee_and_what_is_past_the_included_quantity() {
    let server = TestServer::builder()
        .config(
            "[billing]\nunit = \"10 requests\"\nrequests_per_unit = 10\nunit_price = \"0.1\"\nincluded = \"2\"\n\
             base_fee = \"10.005\"\ncurrency = \"EUR\"",
        )
        .start();
    let data = after_requests(&server, 60);
    let usage = data["usage"].as_f64().expect("a number");
    assert!((6.0..=6.5).contains(&usage), "{data}");
    assert_eq!((&data["unit"], &data["currency"]), (&json!("10 requests"), &json!("EUR")));
    // In whole thousandths of a euro, so that the test itself does not round.
    let exact = data["cost_exact"].as_str().expect("a decimal");
    let thousandths = 10_005 + ((usage * 100.0).round() as i64 - 200);
    assert!((exact.parse::<f64>().expect("a decimal") * 1000.0 - thousandths as f64).abs() < 1e-6, "{data}");
    // Rounded once, half away from zero, to the digits of the currency: never a third decimal.
    let cents = (thousandths + 5) / 10;
    assert!(data["cost"].is_number(), "clients call `.toFixed` on it");
    assert!((data["cost"].as_f64().expect("a number") * 100.0 - cents as f64).abs() < 1e-6, "{data}");
}

#[test]
fn the_period_is_the_calendar_month_of_the_time_zone() {
    let server = TestServer::builder().config("[billing]\ntime_zone = \"America/Sao_Paulo\"").start();
    let data = billing(&server);
    for key in ["period_start", "period_end"] {
        let text = data[key].as_str().expect("a time");
        assert!(text.contains("-01T03:00:00.000Z"), "midnight of a first in São Paulo: {key} is {text}");
    }
    let utc = billing(&TestServer::start());
    assert!(utc["period_start"].as_str().is_some_and(|text| text.ends_with("-01T00:00:00.000Z")), "{utc}");
}

#[test]
fn a_currency_without_cents_has_none() {
    let server =
        TestServer::builder().config("[billing]\nunit_price = \"0\"\nbase_fee = \"99.5\"\ncurrency = \"JPY\"").start();
    let data = billing(&server);
    assert_eq!((&data["currency"], data["cost"].as_f64()), (&json!("JPY"), Some(100.0)));
    assert_eq!(data["cost_exact"].as_str().and_then(|text| text.parse::<f64>().ok()), Some(99.5));
}
