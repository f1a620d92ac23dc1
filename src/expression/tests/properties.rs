//! No text and no document brings the language down, and its laws hold for whatever the grammar makes.

use proptest::prelude::*;
use serde_json::{Value, json};

use crate::expression::{Expression, quoted};

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
