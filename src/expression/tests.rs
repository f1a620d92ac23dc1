//! What expressions mean, what is refused and how, and that no text and no document brings the language down.

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::limits;

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
        "odd key": { "ping_ms": 250 },
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
        ("len(.state.backends) == 3", true),
        ("len(.data) >= 6", false),
        ("len(.type) == 7", true),
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

#[test]
fn a_mistake_is_shown_with_a_caret_and_what_to_write() {
    for (text, shown) in [
        (
            ".data.status == healthy",
            "`healthy` alone is a condition, not a text\n    .data.status == healthy\n                    ^^^^^^^\n\
             a text stands in quotes: write `\"healthy\"`",
        ),
        (
            "data.cpu < 90",
            "`data` is not a word of this language\n    data.cpu < 90\n    ^^^^\na path starts with a dot: write `.data.cpu`",
        ),
        (
            ".data[].status == 'healthy'",
            "a path with `[]` is many values\n    .data[].status == 'healthy'\n    ^^^^^^^^^^^^^^\n\
             wrap the comparison, for example `all(.data[].status == \"healthy\")` or `any(…)`, or count with `count(…)`",
        ),
        (
            ".data.cpu <",
            "something is missing at the end\n    .data.cpu <\n               ^\n\
             write a path such as `.data.cpu`, a number, or a text in quotes",
        ),
    ] {
        assert_eq!(Expression::parse_condition(text).expect_err(text).to_string(), shown);
    }
}

/// Where the carets stand, and a part of what is said.
#[test]
fn every_mistake_is_told_where_it_is() {
    for (text, carets, said) in [
        ("", "^", "something is missing"),
        ("  ", "  ^", "something is missing"),
        (".a == degraded", "      ^^^^^^^^", "`\"degraded\"`"),
        (".a AND .b", "   ^^^", "write `and`"),
        (".a not .b", "   ^^^", "`and not`"),
        (".a .b", "   ^^", "side by side"),
        (".a and", "      ^", "missing at the end"),
        ("and .a", "^^^", "nothing to compare before this `and`"),
        ("== 5", "^^", "a value is missing before `==`"),
        ("1 < .a < 3", "       ^", "do not chain"),
        ("(.a < 3) == true", "^^^^^^^^", "true or false already"),
        ("has(.a) == true", "^^^^^^^", "true or false already"),
        (".a and 5", "       ^", "neither true nor false"),
        ("not 'x'", "    ^^^", "neither true nor false"),
        ("len(.a)", "^^^^^^^", "neither true nor false"),
        ("2s", "^^", "neither true nor false"),
        (".data[]", "^^^^^^^", "many values"),
        ("len(.data[]) > 1", "    ^^^^^^^", "many values"),
        ("(.a == 1", "^", "not closed"),
        ("any(.a[] == 1", "^^^", "not closed"),
        (".a == 1)", "       ^", "closes nothing"),
        ("()", " ^", "a value is missing before `)`"),
        ("all()", "    ^", "a value is missing before `)`"),
        ("all", "^^^", "is a function"),
        (".a == count", "      ^^^^^", "`\"count\"`"),
        ("len('x') > 1", "^^^", "takes a path"),
        ("sum(.a[]) > 1", "^^^", "the functions are"),
        ("all(.a == 1)", "    ^^^^^^^", "goes over a list, and there is none"),
        ("all(.a[].x == .b[].y)", "              ^^^^^^", "`.a[]` and `.b[]`"),
        ("all(.a[].x == 1 and any(.b[].y == 1))", "                    ^^^", "do not nest"),
        (".a < null", "     ^^^^", "`<` cannot be asked"),
        ("true >= .a", "^^^^", "`>=` compares"),
        (".a ~ 5", "     ^", "`~` matches"),
        (".uptime_seconds > 5m", "                  ^^", "ends in `_ms`"),
        ("5m == 300s", "^^", "ends in `_ms`"),
        ("len(.a_ms) > 5m", "             ^^", "ends in `_ms`"),
        (".a_ms[0] > 5m", "           ^^", "ends in `_ms`"),
        (".a == 5x", "      ^^", "neither a number nor a duration"),
        (".a == 'x", "      ^", "no end"),
        (".a. == 1", "  ^", "no key"),
        (".a = 1", "   ^", "write `==`"),
    ] {
        let error = Expression::parse_condition(text).expect_err(text).to_string();
        assert_eq!(error.lines().nth(2), Some(format!("    {carets}").as_str()), "{error}");
        assert!(error.contains(said), "{said}: {error}");
    }
}

#[test]
fn length_and_depth_have_a_limit_that_is_told() {
    let padded = |length: usize| format!("true{}", " ".repeat(length - 4));
    assert!(Expression::parse(&padded(limits::EXPRESSION_BYTES_MAX)).is_ok());
    let error = Expression::parse(&padded(limits::EXPRESSION_BYTES_MAX + 1)).expect_err("one too many").to_string();
    assert!(error.contains("too long") && error.contains("4096"), "{error}");

    let depth = limits::EXPRESSION_DEPTH_MAX;
    for (open, inside, close) in [("(", "true", ")"), ("not ", "true", ""), ("(not ", "true", ")")] {
        let per_level = open.matches(['(', 't']).count();
        let nested = |times: usize| format!("{}{inside}{}", open.repeat(times), close.repeat(times));
        assert!(Expression::parse(&nested(depth / per_level)).is_ok());
        let error = Expression::parse(&nested(depth / per_level + 1)).expect_err("one too deep").to_string();
        assert!(error.contains("nested too deeply") && error.contains("64"), "{error}");
    }
    let wide = ["true"; 400].join(" and ");
    assert_eq!(Expression::parse(&wide).expect("wide is not deep").test(&Value::Null), Ok(true));
}

/// Any JSON, with the keys and words that expressions are made of.
fn any_document() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        prop::sample::select(vec!["healthy", "unhealthy", "", "a*"]).prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    let key = || prop::sample::select(vec!["data", "state", "status", "backends", "health", "a", "b_ms", "odd key"]);
    leaf.prop_recursive(4, 40, 5, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::btree_map(key().prop_map(str::to_owned), inner, 0..5)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

/// The rest of a path behind its first key: no `[]`.
fn steps() -> impl Strategy<Value = String> {
    let step = prop::sample::select(vec![".a", ".status", ".data", ".\"odd key\"", "[0]", "[-1]", "[7]", ".b_ms"]);
    prop::collection::vec(step, 0..3).prop_map(|steps| steps.concat())
}

/// A text of the grammar: with `list`, a path may go through it, as inside a list function.
fn condition(list: Option<&'static str>) -> BoxedStrategy<String> {
    let path = move || {
        let plain = steps().prop_map(|steps| format!(".data{steps}"));
        match list {
            Some(list) => prop_oneof![plain, steps().prop_map(move |steps| format!("{list}{steps}"))].boxed(),
            None => plain.boxed(),
        }
    };
    let literal = prop_oneof![
        any::<i64>().prop_map(|number| number.to_string()),
        any::<f64>().prop_filter("finite", |number| number.is_finite()).prop_map(|number| format!("{number:e}")),
        any::<String>().prop_map(|text| quoted::write(&text)),
        Just("'a*'".to_owned()),
    ];
    let operand = prop_oneof![path(), literal, path().prop_map(|path| format!("len({path})"))];
    let sign = prop::sample::select(vec!["==", "!=", "<", "<=", ">", ">="]);
    let leaf = prop_oneof![
        (path(), sign, operand).prop_map(|(left, sign, right)| format!("{left}{sign} {right}")),
        path().prop_map(|path| format!("{path} ~ '*a?'")),
        path().prop_map(|path| format!("has({path})")),
        path().prop_map(|path| format!("{path}.b_ms < 250ms")),
        path(),
        prop::sample::select(vec!["true", "false", "healthy"]).prop_map(str::to_owned),
    ];
    leaf.prop_recursive(4, 24, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 1..4).prop_map(|parts| parts.join(" and ")),
            prop::collection::vec(inner.clone(), 1..4).prop_map(|parts| parts.join(" or\n")),
            inner.clone().prop_map(|part| format!("not ({part})")),
            inner.prop_map(|part| format!("( {part} )")),
        ]
    })
    .boxed()
}

/// A text of the grammar, list functions included.
fn expression() -> impl Strategy<Value = String> {
    let list = prop::sample::select(vec![".data[]", ".state.backends[]", ".a[].data[]"]);
    let function = list.prop_flat_map(|list| {
        // A list function has to name its list.
        (prop::sample::select(vec!["all", "any", "0 < count"]), condition(Some(list)))
            .prop_map(move |(function, body)| format!("{function}(has({list}) or ({body}))"))
    });
    prop_oneof![condition(None), function.clone(), (condition(None), function).prop_map(|(a, b)| format!("{a} or {b}"))]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn no_text_brings_it_down(text in any::<String>(), document in any_document()) {
        for read in [Expression::parse(&text), Expression::parse_condition(&text)] {
            match read {
                Ok(expression) => drop((expression.test(&document), expression.select(&document))),
                Err(error) => prop_assert!(error.to_string().lines().count() == 4),
            }
        }
    }

    /// Nearly right is where parsers break.
    #[test]
    fn no_mixture_of_its_words_brings_it_down(
        words in prop::collection::vec(
            prop::sample::select(vec![
                "(", ")", "and", "or", "not", "all(", "any(", "count(", "len(", "has(", "healthy", "true", "null", ".data",
                ".data[]", ".state.backends[].b_ms", "[", "]", "[]", ".", "==", "<", "~", "=", "5", "-1.5e3", "250ms", "5x",
                "'a'", "\"", "\\u{", " ", " ", "\n", "é", "\u{1F600}",
            ]),
            0..24,
        ),
        document in any_document(),
    ) {
        let text = words.concat();
        match Expression::parse(&text) {
            Ok(expression) => drop((expression.test(&document), expression.select(&document))),
            Err(error) => {
                let shown = error.to_string();
                let lines: Vec<&str> = shown.lines().collect();
                prop_assert_eq!(lines.len(), 4, "{}", shown);
                prop_assert!(lines[2].trim_start().chars().all(|c| c == '^') && lines[2].ends_with('^'));
                prop_assert!(lines[1].chars().count() <= 80 && lines[2].chars().count() <= 80);
            }
        }
    }

    #[test]
    fn whatever_the_grammar_makes_is_read_and_has_laws(text in expression(), other in expression(), document in any_document()) {
        let read = |text: &str| Expression::parse_condition(text).map_err(|error| TestCaseError::fail(format!("{text}\n{error}")));
        let test = |text: &str| Ok::<_, TestCaseError>(read(text)?.test(&document));
        let (one, two) = (test(&text)?, test(&other)?);
        prop_assert_eq!(read(&text)?.select(&document), one.clone().map(|holds| vec![Value::Bool(holds)]));
        prop_assert_eq!(test(&format!("not ({text})"))?, one.clone().map(|holds| !holds));
        prop_assert_eq!(test(&format!("\t( ({text}) ) "))?, one.clone());
        // De Morgan, errors included: both sides ask in the same order and stop at the same place.
        prop_assert_eq!(test(&format!("not (({text}) and ({other}))"))?, test(&format!("not ({text}) or not ({other})"))?);
        let both = match one.clone() {
            Ok(true) => two,
            decided => decided,
        };
        prop_assert_eq!(test(&format!("({text}) and ({other})"))?, both);
    }

    #[test]
    fn all_any_and_count_agree(body in condition(Some(".data[]")), document in any_document()) {
        let ask = |text: String| {
            let expression = Expression::parse(&text).map_err(|error| TestCaseError::fail(format!("{text}\n{error}")))?;
            Ok::<_, TestCaseError>(expression.select(&document).ok().and_then(|values| values.into_iter().next()))
        };
        let body = format!("{body} or false and has(.data[])");
        let (Some(count), Some(length)) = (ask(format!("count({body})"))?, ask("count(.data[] == .data[])".to_owned())?) else {
            return Ok(());
        };
        prop_assert_eq!(ask(format!("any({body})"))?, Some(Value::Bool(count != 0)));
        prop_assert_eq!(ask(format!("all({body})"))?, Some(Value::Bool(count == length && length != 0)));
    }

    #[test]
    fn numbers_are_ordered_one_way(a in any::<i64>(), b in any::<u64>(), c in any::<f64>()) {
        let numbers = [Value::from(a), Value::from(b), Value::from(c)];
        for (one, other) in numbers.iter().flat_map(|one| numbers.iter().map(move |other| (one, other))) {
            let document = json!({ "one": one, "other": other });
            let holds = |sign: &str| Expression::parse(&format!(".one {sign} .other")).expect("a comparison").test(&document);
            if one.is_null() || other.is_null() {
                continue;
            }
            let signs = ["<", "==", ">"].map(|sign| u8::from(holds(sign) == Ok(true)));
            prop_assert_eq!(signs.iter().sum::<u8>(), 1, "{:?}", document);
            prop_assert_eq!(holds("<="), holds(">").map(|holds| !holds));
            prop_assert_eq!(holds(">="), holds("<").map(|holds| !holds));
            prop_assert_eq!(holds("!="), holds("==").map(|holds| !holds));
        }
    }
}
