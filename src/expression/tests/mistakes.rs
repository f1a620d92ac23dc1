//! What is no expression is refused, and a person sees where and what to write.

use serde_json::Value;

use crate::expression::Expression;
use crate::limits;

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
    let wide = ["(not (true and false))"; 100].join(" and ");
    assert_eq!(Expression::parse(&wide).expect("wide is not deep").test(&Value::Null), Ok(true));
}
