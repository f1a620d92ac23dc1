//! What expressions mean. What is refused stands in `mistakes`, what holds for all of them in `properties`.

mod mistakes;
mod properties;

use serde_json::json;

use super::*;

#[test]
fn a_feed_is_mentioned_where_the_answer_may_depend_on_it() {
    for (text, mentioned) in [
        (".data.cpu > 1", &[][..]),
        (".state.metrics.cpu > 1", &["metrics"]),
        ("healthy and .state.metrics.cpu > 1", &["backends", "metrics", "status", "health"]),
        (r#"count(.state.backends[].status == "healthy") < 2"#, &["backends"]),
        ("not has(.state.status) or len(.state.backends) > 3", &["backends", "status"]),
        ("any(.state[].status == 'unhealthy')", &["backends", "metrics", "status", "billing", "health"]),
    ] {
        let expression = Expression::parse_condition(text).expect(text);
        let feeds = ["backends", "metrics", "status", "billing", "health"];
        let found: Vec<&str> = feeds.into_iter().filter(|feed| expression.mentions(feed)).collect();
        assert_eq!(found, mentioned, "{text}");
    }
}

/// A watch of every feed: a backend is down, the newest message is a `metrics`.
fn document() -> Value {
    json!({
        "type": "metrics",
        "id": "0000abcd-17",
        "data": { "cpu": 45.5, "requests": 156, "requests_total": 9_007_199_254_740_993_u64, "scope": null, "ok": true },
        "state": {
            "backends": [
                { "address": "127.0.0.1:8081", "status": "healthy", "admin": "enabled", "latency_ms": 12.5 },
                { "address": "127.0.0.1:8082", "status": "unhealthy", "admin": "draining", "latency_ms": 480 },
                { "address": "[::1]:8083", "status": "healthy", "admin": "enabled", "latency_ms": 3.0 },
            ],
            "status": { "status": "degraded", "timestamp": "2024-01-15T10:30:00.250Z", "uptime_seconds": 60, "reasons": ["a"] },
            "health": { "healthy": true, "checks": { "database": "healthy", "external-apis": "degraded" } },
            "billing": null,
        },
        "odd key": { "ping_ms": 250, "name": "é漢" },
        "same": [[1, { "a": 2 }], [1.0, { "a": 2.0 }], [1, { "a": 3 }], [1, { "b": 2 }], [1]],
        "groups": [{ "members": [{ "n": 1 }, { "n": 2 }] }, { "members": [] }, { "members": [{ "n": 3 }] }],
    })
}

fn test(text: &str) -> Result<bool, EvalError> {
    Expression::parse_condition(text).unwrap_or_else(|error| panic!("{text}\n{error}")).test(&document())
}

#[test]
fn conditions_hold_as_they_read() {
    for (text, holds) in [
        (".data.cpu == 45.5", true),
        (".data.cpu < 45.5", false),
        (".data.cpu <= 45.5", true),
        (".data.cpu > 45", true),
        (".data.cpu >= 46", false),
        ("90>.data.cpu", true),
        (".data.requests == 156.0", true),
        (".data.requests != 156", false),
        (".data.requests_total == 9007199254740993", true),
        (".data.requests_total > 9007199254740992", true),
        (".data.requests == \"156\"", false),
        (".data.requests != \"156\"", true),
        (".data.missing == null", true),
        (".data.scope == null", true),
        (".missing.further[3] == null", true),
        (".data.ok", true),
        ("not .data.ok", false),
        ("not not .data.ok", true),
        (".data.ok == true", true),
        (".type == 'metrics'", true),
        (".type ~ \"m?tric*\"", true),
        (".state.status.timestamp > '2024-01-15T10:29'", true),
        (".state.backends[0].address == \"127.0.0.1:8081\"", true),
        (".state.backends[-1].address ~ \"[::1]:*\"", true),
        (".state.health.checks.external-apis == \"degraded\"", true),
        (".\"odd key\".ping_ms < 0.3s", true),
        ("250ms < .'odd key'.ping_ms", false),
        (".\"odd key\".ping_ms == 250ms", true),
        (".state.status == .state.status", true),
        (".state.status == .state.health", false),
        (".same[0] == .same[1]", true),
        (".same[0] == .same[2]", false),
        (".same[0] == .same[3]", false),
        (".same[0] == .same[4]", false),
        ("len(.state.backends) == 3", true),
        ("len(.data) >= 6", false),
        ("len(.type) == 7", true),
        ("len(.'odd key'.name) == 2", true),
        ("has(.data.cpu)", true),
        ("has(.data.scope)", false),
        ("has(.data.missing)", false),
        ("true", true),
        ("false or true", true),
        ("((.data.cpu) > (1))", true),
    ] {
        assert_eq!(test(text), Ok(holds), "{text}");
    }
}

#[test]
fn not_binds_tighter_than_and_and_that_tighter_than_or() {
    for (text, holds) in [
        ("true or true and false", true),
        ("(true or true) and false", false),
        ("false and true or true", true),
        ("false and (true or true)", false),
        ("not false or true", true),
        ("not (false or true)", false),
        ("not false and false", false),
        ("not .data.requests == 156", false),
    ] {
        assert_eq!(test(text), Ok(holds), "{text}");
    }
}

#[test]
fn list_functions_ask_about_every_item() {
    for (text, holds) in [
        ("all(.state.backends[].status == \"healthy\")", false),
        ("all(.state.backends[].status == \"healthy\" or .state.backends[].admin == \"draining\")", true),
        ("all(not .state.backends[].status ~ 'un*' or .state.backends[].admin != 'enabled')", true),
        ("any(.state.backends[].latency_ms > 200ms)", true),
        ("any(200 < .state.backends[].latency_ms and .state.backends[].status == 'healthy')", false),
        ("count(.state.backends[].status == \"unhealthy\") <= 1", true),
        ("1 < count(.state.backends[].status == \"unhealthy\")", false),
        ("count(has(.state.backends[].address)) == len(.state.backends)", true),
        ("any(len(.state.backends[].address) == 10)", true),
        ("all(.state.health.checks[] ~ '*e*')", true),
        ("any(.state.health.checks[] == 'unhealthy')", false),
        ("count(.groups[].members[].n > 1) == 2", true),
        ("all(len(.groups[].members) < 3)", true),
        // A path without `[]` is the document's, for every item.
        ("all(.state.backends[].latency_ms != .data.cpu)", true),
    ] {
        assert_eq!(test(text), Ok(holds), "{text}");
    }
}

#[test]
fn over_nothing_nothing_holds() {
    for document in [json!({ "data": [] }), json!({ "data": null }), json!({}), json!({ "data": {} }), json!(5)] {
        for (text, holds) in [
            ("all(.data[].status == \"healthy\")", false),
            ("any(.data[].status == \"healthy\")", false),
            ("count(.data[].status == \"healthy\") == 0", true),
        ] {
            let expression = Expression::parse_condition(text).expect(text);
            assert_eq!(expression.test(&document), Ok(holds), "{text} {document}");
        }
    }
}

#[test]
fn what_has_no_answer_says_which_path_and_what_it_found() {
    for (text, said) in [
        (
            ".data.cpuu < 50",
            "`<` compares two numbers or two texts, but `.data.cpuu` is null or missing and the other side is the number 50",
        ),
        (
            "50 >= .type",
            "`>=` compares two numbers or two texts, but the other side is the number 50 and `.type` is the text \"metrics\"",
        ),
        (".data.ok < .data.ok", "`.data.ok` is true"),
        (".data < .groups", "`.data` is an object and `.groups` is a list of 3"),
        ("any(.state.backends[].latency < 5)", "`.state.backends[].latency` is null or missing"),
        (".data.cpu", "`.data.cpu` is the number 45.5, neither true nor false"),
        ("not .data.missing", "`.data.missing` is null or missing, neither true nor false"),
        (".data.cpu ~ '4*'", "`~` matches a text with a pattern, but `.data.cpu` is the number 45.5"),
        (".type ~ .data.cpu", "but `.data.cpu` is the number 45.5"),
        ("len(.data.cpu) > 1", "`len()` counts a list, an object or a text, but `.data.cpu` is the number 45.5"),
        ("len(.nothing) == 0", "`.nothing` is null or missing"),
        ("all(.data.cpu[].x == 1)", "`[]` goes over a list or an object, but `.data.cpu` is the number 45.5"),
    ] {
        let error = test(text).expect_err(text).to_string();
        assert!(error.contains(said), "{text}: {error}");
    }
    let hostile = json!({ "x": format!("\u{1b}]0;owned\u{7}{}", "y".repeat(100)) });
    let error =
        Expression::parse_condition(".x < 5").expect("a condition").test(&hostile).expect_err("a text").to_string();
    assert!(error.len() < 200 && !error.contains(char::is_control), "{error}");
}

#[test]
fn and_or_and_the_list_functions_stop_where_the_answer_is_clear() {
    for (text, holds) in [
        ("has(.data.missing) and .data.missing < 5", false),
        ("not has(.data.missing) or .data.missing < 5", true),
        ("any(.state.backends[].status == 'healthy' or .state.backends[].missing < 1)", true),
        ("all(.state.backends[].status == 'x' and .state.backends[].missing < 1)", false),
    ] {
        assert_eq!(test(text), Ok(holds), "{text}");
    }
    assert!(test(".data.missing < 5 and has(.data.missing)").is_err());
}

#[test]
fn healthy_is_what_every_followed_feed_says() {
    let healthy = Expression::parse_condition("healthy").expect("a word of the language");
    let up = json!({ "status": "healthy" });
    let down = json!({ "status": "degraded" });
    for (state, holds) in [
        (json!({ "backends": [up] }), true),
        (json!({ "backends": [up, up] }), true),
        (json!({ "backends": [up, down] }), false),
        (json!({ "backends": [] }), false),
        (json!({ "backends": null }), false),
        (json!({ "backends": [{}] }), false),
        (json!({ "status": up }), true),
        (json!({ "status": down }), false),
        (json!({ "status": null, "metrics": { "cpu": 1 } }), false),
        (json!({ "health": { "healthy": true, "checks": { "cache": "degraded" } } }), true),
        (json!({ "health": { "healthy": false } }), false),
        (json!({ "health": { "healthy": "yes" } }), false),
        (json!({ "backends": [up], "status": up, "health": { "healthy": true }, "billing": null }), true),
        (json!({ "backends": [up], "status": null, "health": { "healthy": true } }), false),
        (json!({ "backends": [], "status": up }), false),
    ] {
        assert_eq!(healthy.test(&json!({ "state": state })), Ok(holds), "{state}");
    }
    for document in
        [json!({}), json!({ "state": {} }), json!({ "state": { "metrics": {}, "billing": null } }), json!(1)]
    {
        assert_eq!(healthy.test(&document), Err(EvalError::NothingToJudge), "{document}");
    }
    assert_eq!(test("not healthy"), Ok(true));
}

#[test]
fn a_selection_is_one_value_or_every_item_of_a_list() {
    for (text, values) in [
        (".data.cpu", json!([45.5])),
        (".data.missing", json!([null])),
        (".groups[-1]", json!([{ "members": [{ "n": 3 }] }])),
        (".groups[].members[].n", json!([1, 2, 3])),
        (".groups[].members", json!([[{ "n": 1 }, { "n": 2 }], [], [{ "n": 3 }]])),
        ("(.state.backends[].missing)", json!([null, null, null])),
        (".missing[].status", json!([])),
        ("len(.groups)", json!([3])),
        ("count(.groups[].members[].n > 1)", json!([2])),
        (".data.cpu > 40", json!([true])),
        ("healthy", json!([false])),
        ("2s", json!([2000])),
        ("'text'", json!(["text"])),
    ] {
        let expression = Expression::parse(text).unwrap_or_else(|error| panic!("{text}\n{error}"));
        assert_eq!(expression.select(&document()).map(Value::Array), Ok(values), "{text}");
        assert_eq!(expression.to_string(), text);
    }
    assert!(Expression::parse(".data.cpu[].x").expect("a path").select(&document()).is_err());
    // What is read as a selection may still be tested; most have no answer.
    assert!(Expression::parse(".groups[]").expect("a path").test(&document()).is_err());
    assert!(Expression::parse("5").expect("a value").test(&document()).is_err());
}
