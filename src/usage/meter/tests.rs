use std::fs;

use proptest::prelude::*;

use super::*;
use crate::limits::COUNTER_MEMORY;
use crate::usage::Counter;

struct Bench {
    dir: tempfile::TempDir,
    requests: Arc<Requests>,
}

impl Bench {
    fn new() -> Bench {
        Bench { dir: tempfile::tempdir().expect("a directory"), requests: Arc::default() }
    }

    fn state_dir(&self) -> PathBuf {
        self.dir.path().join("state")
    }

    fn ledger(&self) -> PathBuf {
        self.state_dir().join("ledger.db")
    }

    fn meter(&self, now: &str) -> Arc<Meter> {
        Meter::open_at(&self.state_dir(), Tariff::default(), self.requests.clone(), at(now))
    }

    fn count(&self, requests: u64) {
        self.requests.metered.add(requests);
    }

    /// What a new process finds.
    #[track_caller]
    fn reopened(&self, now: &str) -> u64 {
        let meter = Meter::open_at(&self.state_dir(), Tariff::default(), Arc::default(), at(now));
        assert_eq!(meter.fault(), None);
        meter.invoice(at(now)).requests
    }
}

fn at(text: &str) -> Timestamp {
    text.parse::<jiff::Timestamp>().expect("RFC 3339").into()
}

const NOVEMBER: &str = "2026-11-20T12:00:00Z";
const DECEMBER: &str = "2026-12-02T12:00:00Z";

#[test]
fn usage_survives_the_process_and_what_is_not_booked_is_billed_all_the_same() {
    let bench = Bench::new();
    let meter = bench.meter(NOVEMBER);
    bench.count(3);
    assert_eq!(meter.invoice(at(NOVEMBER)).requests, 3, "counted, not booked");
    assert_eq!(bench.reopened(NOVEMBER), 0);
    for _ in 0..3 {
        meter.book_at(at(NOVEMBER)).expect("a booking");
    }
    assert_eq!(bench.reopened(NOVEMBER), 3);
    assert_eq!(bench.reopened(DECEMBER), 0);
}

#[test]
fn a_month_rolls_over_while_running_and_a_clock_set_back_counts_nothing_twice() {
    let bench = Bench::new();
    let meter = bench.meter(NOVEMBER);
    for (requests, now) in [(5, NOVEMBER), (7, DECEMBER), (2, NOVEMBER), (1, DECEMBER)] {
        bench.count(requests);
        meter.book_at(at(now)).expect("a booking");
    }
    let (november, december) = (meter.invoice(at(NOVEMBER)), meter.invoice(at(DECEMBER)));
    assert_eq!((november.requests, december.requests), (7, 8));
    assert_eq!(november.period.end, december.period.start);
    assert_eq!((bench.reopened(NOVEMBER), bench.reopened(DECEMBER)), (7, 8));
}

#[test]
fn a_period_is_partial_when_metering_began_inside_it() {
    let bench = Bench::new();
    let meter = bench.meter(NOVEMBER);
    assert!(meter.invoice(at(NOVEMBER)).partial);
    drop(meter);
    let meter = bench.meter(DECEMBER);
    assert!(!meter.invoice(at(DECEMBER)).partial, "the ledger knows that metering began in November");
}

#[test]
fn two_meters_on_one_ledger_bill_the_sum() {
    let bench = Bench::new();
    let (one, counter) = (bench.meter(NOVEMBER), Arc::new(Requests::default()));
    let two = Meter::open_at(&bench.state_dir(), Tariff::default(), counter.clone(), at(NOVEMBER));
    bench.count(10);
    counter.metered.add(1);
    for meter in [&one, &two, &one] {
        meter.book_at(at(NOVEMBER)).expect("a booking");
    }
    assert_eq!([&one, &two].map(|meter| meter.invoice(at(NOVEMBER)).requests), [11, 11]);
}

/// A run that may meter what `edge` counts.
struct Run {
    requests: Arc<Requests>,
    meter: Arc<Meter>,
    now: Timestamp,
}

impl Run {
    fn start(bench: &Bench, places: &[(&str, bool)]) -> Run {
        Run::start_at(bench, places, Timestamp::now())
    }

    fn start_at(bench: &Bench, places: &[(&str, bool)], now: Timestamp) -> Run {
        let requests = Arc::new(Requests::default());
        requests.count_elsewhere(places.iter().map(|(place, metered)| ((*place).to_owned(), *metered)));
        let meter = Meter::open_at(&bench.state_dir(), Tariff::default(), requests.clone(), now);
        Run { requests, meter, now }
    }

    fn shows(&self, value: u64) {
        self.requests.take("edge", &[Counter::new("in", value)], true).expect("few");
    }

    fn books(&self) {
        self.meter.book_at(self.now).expect("a booking");
    }

    fn bills(&self) -> u64 {
        self.meter.invoice(self.now).requests
    }

    fn has_gap(&self) -> bool {
        let period = Period::containing(self.now.instant(), &self.meter.tariff.time_zone).key;
        lock(&self.meter.books).account.has_gap(&period)
    }
}

const EDGE: &[(&str, bool)] = &[("edge", true)];

#[test]
fn what_others_count_while_nobody_is_here_is_billed_once_and_is_no_rate() {
    let bench = Bench::new();
    let one = Run::start(&bench, EDGE);
    one.shows(1_000);
    one.shows(1_010);
    one.books();
    // Killed: what was read since stands in no ledger, and the balancer still knows it.
    one.shows(1_015);
    let two = Run::start(&bench, EDGE);
    assert_eq!(two.bills(), 10, "before its first reading");
    two.books();
    let three = Run::start(&bench, EDGE);
    three.shows(1_100);
    assert_eq!((three.bills(), three.requests.metered.total()), (100, 0));
    three.shows(1_101);
    assert_eq!((three.bills(), three.requests.metered.total()), (101, 1));
    three.books();
    // Now the balancer was restarted, too.
    let four = Run::start(&bench, EDGE);
    four.shows(5);
    assert_eq!(four.bills(), 106);
    assert!(!four.has_gap());
}

#[test]
fn what_is_not_metered_for_a_while_is_not_billed_later() {
    let bench = Bench::new();
    for (places, shows, billed) in [
        (EDGE, &[100, 110][..], 10),
        (&[("edge", false)], &[150], 10),
        (EDGE, &[200, 201], 11),
        (&[("other", true)], &[], 11),
        (EDGE, &[300, 301], 12),
    ] {
        let run = Run::start(&bench, places);
        shows.iter().for_each(|value| run.shows(*value));
        run.books();
        assert_eq!(run.bills(), billed, "{places:?} {shows:?}");
    }
}

#[test]
fn a_place_that_is_metered_again_goes_on_from_where_it_stands_also_for_the_next_run() {
    let bench = Bench::new();
    let run = Run::start(&bench, EDGE);
    for (metered, value) in [(true, 100), (false, 150), (true, 151)] {
        run.requests.count_elsewhere([("edge".to_owned(), metered)]);
        run.shows(value);
        run.books();
    }
    let next = Run::start(&bench, EDGE);
    next.shows(153);
    assert_eq!(next.bills(), 3);
}

#[test]
fn what_is_counted_while_it_is_neither_metered_nor_read_is_not_billed() {
    let bench = Bench::new();
    let metered = |run: &Run, metered| run.requests.count_elsewhere([("edge".to_owned(), metered)]);
    let first = Run::start(&bench, EDGE);
    first.shows(100);
    first.books();
    // The balancer cannot be reached: by a run that goes on from marks, then by one that has read it.
    let run = Run::start(&bench, EDGE);
    for (shows, billed) in [(500, 1), (600, 2)] {
        metered(&run, false);
        metered(&run, true);
        run.shows(shows);
        run.shows(shows + 1);
        run.books();
        assert_eq!(run.bills(), billed);
    }
    let next = Run::start(&bench, EDGE);
    next.shows(603);
    assert_eq!(next.bills(), 4);
}

#[test]
fn marks_that_are_too_old_are_a_gap_for_good() {
    let bench = Bench::new();
    let run = Run::start(&bench, EDGE);
    run.shows(100);
    run.books();
    let later = run.now.after(COUNTER_MEMORY + Duration::from_secs(60)).expect("a time");
    let run = Run::start_at(&bench, EDGE, later);
    run.shows(200);
    run.shows(201);
    run.books();
    assert_eq!((run.bills(), run.has_gap()), (1, true));
    let next = Run::start_at(&bench, EDGE, later);
    assert!(next.has_gap() && next.meter.invoice(later).partial);
}

#[test]
fn many_marks_are_booked_less_often() {
    let bench = Bench::new();
    let run = Run::start(&bench, EDGE);
    let shows = |value| {
        let counters: Vec<Counter> = (0..5_000).map(|index| Counter::new(index.to_string(), value)).collect();
        run.requests.take("edge", &counters, true).expect("few");
    };
    for (value, marks, seconds) in [(1, 5_000, 10), (2, 5_000, 10), (2, 0, 1)] {
        shows(value);
        assert_eq!(run.meter.book_at(run.now), Ok(marks));
        assert_eq!(pause_after(marks), Duration::from_secs(seconds));
    }
}

#[test]
fn what_cannot_be_is_a_gap() {
    let bench = Bench::new();
    let run = Run::start(&bench, EDGE);
    run.shows(1);
    assert!(run.requests.take("edge", &[Counter::new("in", u64::MAX)], true).is_err());
    run.books();
    assert_eq!((run.bills(), run.has_gap()), (0, true));
}

#[test]
fn a_ledger_that_comes_late_gives_its_marks_unless_counting_has_begun_without_them() {
    let bench = Bench::new();
    let run = Run::start(&bench, EDGE);
    run.shows(100);
    run.books();
    for begun in [false, true] {
        let away = bench.dir.path().join("away");
        fs::rename(bench.state_dir(), &away).expect("moved");
        fs::write(bench.state_dir(), "in the way").expect("a file");
        let run = Run::start(&bench, EDGE);
        if begun {
            run.shows(150);
        }
        fs::remove_file(bench.state_dir()).expect("removed");
        fs::rename(&away, bench.state_dir()).expect("moved back");
        run.books();
        run.shows(if begun { 151 } else { 107 });
        run.books();
        assert_eq!((run.bills(), run.has_gap()), (if begun { 8 } else { 7 }, begun));
    }
}

#[test]
fn a_ledger_in_place_of_another_is_a_gap_where_it_has_marks_of_an_earlier_run() {
    let bench = Bench::new();
    let aside = |name: &str| bench.dir.path().join(name);
    let put = |name: &str| {
        fs::remove_dir_all(bench.state_dir()).expect("removed");
        fs::rename(aside(name), bench.state_dir()).expect("moved back");
    };
    let run = Run::start(&bench, EDGE);
    run.shows(100);
    run.books();
    fs::rename(bench.state_dir(), aside("earlier")).expect("moved");
    // As where a disk is mounted late.
    let run = Run::start(&bench, EDGE);
    run.shows(150);
    run.books();
    fs::rename(bench.state_dir(), aside("ours")).expect("moved");
    for (name, gap) in [(None, false), (Some("ours"), false), (Some("earlier"), true)] {
        name.into_iter().for_each(put);
        run.books();
        assert_eq!(run.has_gap(), gap, "{name:?}");
    }
}

#[test]
fn nothing_new_writes_nothing() {
    let bench = Bench::new();
    let meter = bench.meter(NOVEMBER);
    bench.count(1);
    meter.book_at(at(NOVEMBER)).expect("a booking");
    let log = bench.state_dir().join("ledger.db-wal");
    let before = fs::read(&log).expect("the log");
    meter.book_at(at(NOVEMBER)).expect("no booking");
    assert!(fs::read(&log).expect("the log") == before);
    bench.count(1);
    meter.book_at(at(NOVEMBER)).expect("a booking");
    assert!(fs::read(&log).expect("the log") != before, "the comparison above can fail");
}

#[track_caller]
fn assert_faulty(meter: &Meter, says: &str) {
    let fault = meter.book_at(at(NOVEMBER)).expect_err(says).to_string();
    assert!(fault.contains(says), "{fault}");
    assert_eq!(meter.fault(), Some(fault));
    assert!(meter.invoice(at(NOVEMBER)).partial);
}

#[test]
fn a_file_in_place_of_the_directory_is_told_and_heals() {
    let bench = Bench::new();
    fs::write(bench.state_dir(), "in the way").expect("a file");
    let meter = bench.meter(NOVEMBER);
    let changes = meter.changes();
    bench.count(4);
    assert_faulty(&meter, "cannot be used");
    assert_eq!(fs::read_to_string(bench.state_dir()).expect("the file"), "in the way");
    fs::remove_file(bench.state_dir()).expect("removed");
    meter.book_at(at(NOVEMBER)).expect("healed");
    assert_eq!(meter.fault(), None);
    assert!(changes.has_changed().expect("the meter lives"));
    assert_eq!(bench.reopened(NOVEMBER), 4);
}

#[test]
fn a_file_that_is_no_ledger_is_left_alone_until_it_is_moved_away() {
    let bench = Bench::new();
    fs::create_dir(bench.state_dir()).expect("a directory");
    fs::write(bench.ledger(), "precious notes of someone else\n".repeat(100)).expect("a file");
    let meter = bench.meter(NOVEMBER);
    bench.count(2);
    assert_faulty(&meter, "is not a ledger and was left untouched");
    assert!(fs::read_to_string(bench.ledger()).expect("the file").starts_with("precious"));
    fs::rename(bench.ledger(), bench.dir.path().join("notes")).expect("moved");
    meter.book_at(at(NOVEMBER)).expect("healed");
    assert_eq!(bench.reopened(NOVEMBER), 2);
}

#[test]
fn a_directory_that_vanishes_is_made_anew_with_all_that_is_known() {
    let bench = Bench::new();
    bench.count(3);
    bench.meter(NOVEMBER).book_at(at(NOVEMBER)).expect("an earlier run");
    let meter = Meter::open_at(&bench.state_dir(), Tariff::default(), bench.requests.clone(), at(NOVEMBER));
    bench.count(1);
    meter.book_at(at(NOVEMBER)).expect("a booking");
    let before = meter.invoice(at(NOVEMBER)).requests;
    let away = bench.dir.path().join("away");
    fs::rename(bench.state_dir(), &away).expect("moved");
    meter.book_at(at(NOVEMBER)).expect("made anew");
    assert_eq!(bench.reopened(NOVEMBER), before);
    // The old one comes back, as a disk that was unmounted for a while does.
    bench.count(1);
    meter.book_at(at(NOVEMBER)).expect("a booking");
    fs::remove_dir_all(bench.state_dir()).expect("removed");
    fs::rename(&away, bench.state_dir()).expect("moved back");
    meter.book_at(at(NOVEMBER)).expect("found again");
    assert_eq!(bench.reopened(NOVEMBER), before + 1);
    assert_eq!(meter.invoice(at(NOVEMBER)).requests, before + 1);
}

#[test]
fn a_lock_held_by_someone_else_delays_and_loses_nothing() {
    let bench = Bench::new();
    let meter = bench.meter(NOVEMBER);
    let other = rusqlite::Connection::open(bench.ledger()).expect("a connection");
    other.execute_batch("BEGIN IMMEDIATE").expect("the lock");
    bench.count(6);
    assert_faulty(&meter, "is locked by another program");
    other.execute_batch("COMMIT").expect("unlocked");
    meter.book_at(at(NOVEMBER)).expect("healed");
    assert_eq!(bench.reopened(NOVEMBER), 6);
}

#[tokio::test]
async fn a_running_meter_books_by_itself() {
    let bench = Bench::new();
    let meter = bench.meter(NOVEMBER);
    let running = tokio::spawn(meter.clone().run());
    bench.count(1);
    let booked = async {
        while bench.reopened(&Timestamp::now().to_string()) == 0 {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(BOOKING_INTERVAL * 10, booked).await.expect("booked within a few ticks");
    running.abort();
    bench.count(1);
    meter.book().await.expect("the last booking");
    assert_eq!(bench.reopened(&Timestamp::now().to_string()), 2);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    /// Whenever this process is killed, and whatever it has booked by then.
    #[test]
    fn all_that_is_counted_elsewhere_is_billed_once(steps in prop::collection::vec((0_u64..9, 0_u8..5), 1..12)) {
        let bench = Bench::new();
        let mut shown = 1_000;
        let mut run = Run::start(&bench, EDGE);
        run.shows(shown);
        run.books();
        for (requests, then) in steps {
            shown += requests;
            match then {
                0 | 1 => run.shows(shown),
                2 | 3 => run.books(),
                _ => run = Run::start(&bench, EDGE),
            }
        }
        run.shows(shown);
        prop_assert_eq!(run.bills(), shown - 1_000);
        run.books();
        prop_assert_eq!(Run::start(&bench, &[]).bills(), shown - 1_000);
    }
}
