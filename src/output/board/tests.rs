//! Whole screens, as text, compared with the files in `screens`. `UPDATE=1 cargo test --lib board` writes them anew: look at
//! the difference before it is committed.

use std::fmt::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use proptest::prelude::*;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;
use ratatui::style::Color;
use serde_json::{Value, json};

use super::*;
use crate::output::Paint;
use crate::output::color::Wish;
use crate::protocol::{Feed, Message, Timestamp};

/// A board at second 0, and a clock to move.
struct Scene {
    board: Board,
    start: Moment,
    second: u64,
}

const SMALL: (u16, u16) = (80, 24);
const LARGE: (u16, u16) = (160, 50);

fn timestamp(second: u64) -> Timestamp {
    let second = i64::try_from(second).expect("a small number") + 1_767_225_600;
    jiff::Timestamp::from_second(second).expect("in 2026").into()
}

impl Scene {
    fn new(paint: Paint) -> Scene {
        let start = Moment { instant: Instant::now(), wall: timestamp(0) };
        let board = Board::new("127.0.0.1:8080".to_owned(), Theme::new(paint), TimeZone::UTC, start.instant);
        Scene { board, start, second: 0 }
    }

    fn now(&self) -> Moment {
        Moment { instant: self.start.instant + Duration::from_secs(self.second), wall: timestamp(self.second) }
    }

    fn pass(&mut self, seconds: u64) {
        self.second += seconds;
    }

    fn open(&mut self) {
        let now = self.now().instant;
        for feed in Feed::ALL {
            self.board.fleet().link_mut(feed).opened(now);
        }
    }

    fn hear(&mut self, feed: Feed, data: Value) {
        let message: Message = serde_json::from_value(json!({ "type": feed, "data": data })).expect("a message");
        let now = self.now();
        self.board.fleet().hear(feed, Some(message), now);
    }

    fn measure(&mut self, cpu: f64, rate: f64) {
        let at = self.now().wall;
        self.hear(
            Feed::Metrics,
            json!({
                "cpu": cpu, "memory": 38.1, "requests": (rate * 2.0) as u64, "timestamp": at, "scope": "host",
                "memory_scope": "cgroup", "requests_per_second": rate, "requests_total": 120_400, "connections": 12,
            }),
        );
    }

    fn press(&mut self, keys: &str) {
        for key in keys.chars() {
            let key = if key == '\n' { Key::Enter } else { Key::Char(key) };
            self.board.press(key, self.now());
        }
    }

    fn draw(&mut self, (width, height): (u16, u16)) -> Buffer {
        let mut terminal = Terminal::new(TestBackend::new(width, height)).expect("a backend in memory");
        let now = self.now();
        terminal.draw(|frame| self.board.draw(frame.buffer_mut(), now)).expect("memory takes everything");
        terminal.backend().buffer().clone()
    }

    /// Compares the screen with the file of this name.
    fn expect(&mut self, name: &str, size: (u16, u16)) {
        let drawn = text(&self.draw(size));
        let file = format!("{name}-{}x{}.txt", size.0, size.1);
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/output/board/screens").join(&file);
        if std::env::var_os("UPDATE").is_some() {
            std::fs::write(&path, &drawn).expect("writable");
        }
        let expected = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(drawn == expected, "`{file}` shows another screen than this one:\n{drawn}");
    }
}

fn text(buffer: &Buffer) -> String {
    let mut text = String::new();
    for row in buffer.content().chunks(buffer.area.width.into()) {
        let line: String = row.iter().map(|cell| cell.symbol()).collect();
        writeln!(text, "{}", line.trim_end()).expect("a string takes everything");
    }
    text
}

/// A fleet of two pools in which something is wrong, seen for a minute.
fn fleet(paint: Paint) -> Scene {
    let mut scene = Scene::new(paint);
    scene.pass(1);
    scene.open();
    let backend = |address: &str, pool: &str, status: &str, more: Value| {
        let mut backend = json!({
            "address": address, "pool": pool, "weight": 1, "status": status, "state": "up", "latency_ms": 1.26,
            "last_check": timestamp(58),
        });
        for (key, value) in more.as_object().expect("an object") {
            backend[key] = value.clone();
        }
        backend
    };
    for tick in 0..30 {
        scene.pass(2);
        let wave = (f64::from(tick) * 0.4).sin();
        scene.measure(50.0 + 45.0 * wave, 300.0 + 280.0 * wave);
    }
    scene.hear(
        Feed::Backends,
        json!([
            backend("10.0.0.5:8080", "web", "healthy", json!({})),
            backend("10.0.0.6:8080", "web", "degraded", json!({ "latency_ms": 812.0, "weight": 3, "detail": "slow" })),
            backend("10.0.0.7:8080", "web", "unhealthy", json!({ "detail": "connection refused", "latency_ms": null })),
            backend("10.0.0.8:8080", "web", "healthy", json!({ "admin": "draining" })),
            backend("pg:5432", "db", "healthy", json!({ "latency_ms": 0.31 })),
            backend(
                "pg2:5432",
                "db",
                "unknown",
                json!({ "last_check": null, "latency_ms": null, "state": "checking" })
            ),
        ]),
    );
    scene.hear(
        Feed::Status,
        json!({
            "status": "degraded", "timestamp": timestamp(60), "uptime": "1h30m", "version": "1.2.3", "cluster_size": 1,
            "node": "edge-1", "reasons": ["backend 10.0.0.7:8080 of pool `web` is unhealthy: connection refused",
                "check `cache` is degraded: slow"],
        }),
    );
    scene.hear(
        Feed::Billing,
        json!({
            "usage": 850.5, "cost": 42.75, "period": "current_month", "last_updated": timestamp(60), "currency": "USD",
            "unit": "request", "period_end": timestamp(30 * 86_400),
        }),
    );
    let detail = |kind: &str, critical: bool, latency: f64, error: Value| json!({ "kind": kind, "critical": critical, "latency_ms": latency, "last_check": timestamp(55), "error": error });
    scene.hear(
        Feed::Health,
        json!({
            "healthy": true, "timestamp": timestamp(60),
            "checks": { "cache": "degraded", "database": "healthy", "search": "healthy" },
            "details": {
                "cache": detail("redis", false, 640.0, json!("slow")),
                "database": detail("postgres", true, 2.1, Value::Null),
                "search": detail("http", false, 11.0, Value::Null),
            },
        }),
    );
    scene.pass(1);
    scene
}

fn lose(scene: &mut Scene, feeds: &[Feed], why: &str) {
    let now = scene.now().instant;
    for feed in feeds {
        let due = now + Duration::from_secs(3);
        scene.board.fleet().link_mut(*feed).retrying(2, Some(5), due, why.to_owned(), now);
    }
}

#[test]
fn before_the_first_message_it_says_what_it_waits_for() {
    Scene::new(Paint::PLAIN).expect("start", SMALL);
}

#[test]
fn a_fleet_fits_a_small_and_a_large_screen() {
    let mut scene = fleet(Paint::PLAIN);
    scene.expect("fleet", SMALL);
    scene.expect("fleet", LARGE);
}

#[test]
fn a_lost_server_leaves_what_was_known_with_its_age() {
    let mut scene = fleet(Paint::PLAIN);
    lose(&mut scene, &Feed::ALL, "connection lost: 1001 the server is going away");
    scene.pass(2);
    scene.expect("lost", SMALL);
    scene.expect("lost", LARGE);
    let now = scene.now().instant;
    scene.board.fleet().link_mut(Feed::Health).lost("gave up".to_owned(), now);
    let screen = text(&scene.draw(SMALL));
    assert!(screen.contains(" ✗ health\n") && screen.contains("health, for 0s: gave up"), "{screen}");
}

#[test]
fn a_connection_that_comes_back_keeps_the_history_with_a_hole_in_it() {
    let mut scene = fleet(Paint::PLAIN);
    lose(&mut scene, &Feed::ALL, "gone");
    scene.pass(7);
    scene.open();
    scene.measure(50.0, 300.0);
    scene.expect("back", SMALL);
}

#[test]
fn a_feed_that_is_silent_is_stale_and_says_so() {
    let mut scene = fleet(Paint::PLAIN);
    scene.board.fleet().link_mut(Feed::Metrics).fell_silent();
    scene.pass(7);
    let screen = text(&scene.draw(SMALL));
    assert!(screen.contains("── metrics  stale: nothing heard for 8s ─"), "{screen}");
    assert!(screen.contains(" ▲ metrics") && screen.contains(" stale 8s"), "{screen}");
    assert!(screen.contains(" ● billing") && screen.contains("── billing ─"), "{screen}");
}

#[test]
fn a_frozen_screen_stands_still_while_the_board_goes_on_learning() {
    let mut scene = fleet(Paint::PLAIN);
    let before = text(&scene.draw(SMALL));
    scene.press("p");
    scene.pass(10);
    scene.hear(Feed::Backends, json!([]));
    let frozen = text(&scene.draw(SMALL));
    assert!(frozen.contains("FROZEN for 10s") && frozen.contains("p go on"), "{frozen}");
    let inside = |screen: &str| screen.lines().skip(1).take(22).map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(inside(&frozen), inside(&before));
    scene.press("p");
    let after = text(&scene.draw(SMALL));
    assert!(after.contains("no backends are configured") && !after.contains("FROZEN"), "{after}");
}

#[test]
fn a_long_list_is_scrolled_and_filtered() {
    let mut scene = fleet(Paint::PLAIN);
    let many: Vec<Value> = (0..200)
        .map(|number| {
            let pool = format!("pool-{}", number % 3);
            json!({ "address": format!("10.0.1.{number}:80"), "pool": pool, "weight": 1, "status": "healthy" })
        })
        .collect();
    scene.hear(Feed::Backends, json!(many));
    scene.draw(SMALL);
    scene.board.press(Key::End, scene.now());
    let last = text(&scene.draw(SMALL));
    assert!(last.contains("10.0.1.197:80") && last.contains("of 203 ─"), "{last}");
    scene.press("/1.19");
    let typing = text(&scene.draw(SMALL));
    assert!(typing.contains("/1.19") && typing.contains("Enter keeps it"), "{typing}");
    scene.press("\n");
    scene.expect("filtered", SMALL);
    scene.press("/zz\n");
    assert!(text(&scene.draw(SMALL)).contains("no backend has `1.19zz`"));
}

#[test]
fn the_help_lists_every_key() {
    let mut scene = fleet(Paint::PLAIN);
    scene.press("?");
    scene.expect("help", SMALL);
}

#[test]
fn an_outcome_stands_for_a_while_and_what_waits_until_it_is_answered() {
    let mut scene = fleet(Paint::PLAIN);
    let footer = |scene: &mut Scene| text(&scene.draw(SMALL)).lines().last().map(str::to_owned);
    let now = scene.now().instant;
    scene.board.say(Notice::new(Tone::Wait, "asking".to_owned(), now));
    scene.pass(60);
    assert_eq!(footer(&mut scene).as_deref(), Some(" asking"));
    let now = scene.now().instant;
    scene.board.say(Notice::new(Tone::Bad, "not updated, 401\x1b".to_owned(), now));
    scene.pass(5);
    assert_eq!(footer(&mut scene).as_deref(), Some(" not updated, 401\\x1b"));
    scene.pass(1);
    assert!(footer(&mut scene).is_some_and(|line| line.contains("q quit")));
}

#[test]
fn a_screen_that_is_too_small_says_so() {
    let screen = text(&fleet(Paint::PLAIN).draw((69, 24)));
    assert!(screen.starts_with("the dashboard needs 70x20, this is 69x24\n"), "{screen}");
    let screen = text(&fleet(Paint::PLAIN).draw((80, 19)));
    assert!(screen.starts_with("the dashboard needs 70x20, this is 80x19\n"), "{screen}");
    fleet(Paint::PLAIN).expect("smallest", (70, 20));
}

#[test]
fn a_crowd_of_everything_fits_every_size() {
    let mut scene = fleet(Paint::PLAIN);
    let checks: std::collections::BTreeMap<String, &str> =
        (0..30).map(|n| (format!("check-{n}"), "unhealthy")).collect();
    scene.hear(Feed::Health, json!({ "healthy": false, "timestamp": timestamp(60), "checks": checks }));
    let reasons: Vec<String> = (0..10).map(|n| format!("reason {n}")).collect();
    scene.hear(
        Feed::Status,
        json!({ "status": "unhealthy", "timestamp": timestamp(60), "uptime": "1s", "version": "1", "cluster_size": 1,
            "reasons": reasons }),
    );
    for width in [70, 80, 119, 120, 160, 240] {
        for height in 20..70 {
            let screen = text(&scene.draw((width, height)));
            for what in ["reason 0", " cpu ", "10.0.0.5:8080", "── checks", "42.75 USD", "q quit"] {
                assert!(screen.contains(what), "{what} at {width}x{height}:\n{screen}");
            }
            let counted = screen.contains("more; a taller window shows them") && screen.contains("   and ");
            assert!(counted || height >= 45, "what does not fit is counted at {width}x{height}:\n{screen}");
        }
    }
}

#[test]
fn colour_says_the_state_and_old_news_are_grey() {
    let colour_of = |buffer: &Buffer, what: &str| {
        let row = text(buffer).lines().position(|line| line.contains(what)).expect(what);
        buffer[(3, row as u16)].fg
    };
    let mut scene = fleet(Paint::stdout(Wish::Always));
    let screen = scene.draw(SMALL);
    for (what, colour) in [("5:8080", Color::Green), ("6:8080", Color::Yellow), ("  ✗ unhealthy", Color::Red)] {
        assert_eq!(colour_of(&screen, what), colour, "{what}");
    }
    lose(&mut scene, &[Feed::Backends], "gone");
    let screen = scene.draw(SMALL);
    for what in ["5:8080", "6:8080", "  ✗ unhealthy"] {
        assert_eq!(colour_of(&screen, what), Color::DarkGray, "{what}");
    }
    let plain = fleet(Paint::PLAIN).draw(SMALL);
    assert!(plain.content().iter().all(|cell| cell.fg == Color::Reset && cell.bg == Color::Reset));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]
    #[test]
    fn whatever_a_peer_writes_the_terminal_is_not_steered(
        words in proptest::collection::vec("\\PC{0,12}|[\\x00-\\x1f\\x7f\u{80}-\u{9f}\u{202e}a]{0,30}|.{0,60}", 12),
        width in 0_u16..200, height in 0_u16..60, keys in "[pur/?jk ]{0,6}", share in any::<f64>(), age in 0_u64..1_000_000,
    ) {
        let share = if share.is_finite() { share } else { 0.0 };
        let mut scene = fleet(Paint::PLAIN);
        scene.measure(share, share);
        scene.hear(Feed::Backends, json!([
            { "address": words[0], "pool": words[1], "weight": 7, "status": "healthy", "detail": words[2], "state": words[3],
              "latency_ms": share },
        ]));
        scene.hear(Feed::Status, json!({
            "status": "unhealthy", "timestamp": timestamp(60), "uptime": words[4], "version": words[5], "cluster_size": 2,
            "node": words[6], "reasons": words,
        }));
        scene.hear(Feed::Billing, json!({
            "usage": share, "cost": share, "period": words[7], "last_updated": timestamp(60), "currency": words[8],
            "unit": words[9], "period_end": timestamp(1),
        }));
        scene.hear(Feed::Health, json!({
            "healthy": false, "timestamp": timestamp(60), "checks": { words[10].clone(): "unhealthy" },
            "details": { words[10].clone(): { "kind": "x", "critical": true, "error": words[11] } },
        }));
        lose(&mut scene, &[Feed::Billing], &words[0]);
        scene.pass(age);
        scene.press(&keys);
        let screen = scene.draw((width, height));
        for cell in screen.content() {
            let steers = |c: char| c.is_control() || matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}');
            prop_assert!(!cell.symbol().contains(steers), "{:?}", cell.symbol());
        }
    }
}
