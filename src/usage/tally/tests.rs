use proptest::prelude::*;

use super::*;

fn now(requests: u64) -> Result<Counted, Absurd> {
    Ok(Counted { now: requests, meanwhile: 0 })
}

fn counters(values: &[(&str, u64)]) -> Vec<Counter> {
    values.iter().map(|(name, value)| Counter::new(*name, *value)).collect()
}

#[test]
fn it_begins_with_the_first_reading_and_survives_resets() {
    let mut tally = Tally::default();
    for (values, more) in [
        (&[("a", 1_000)][..], 0),
        (&[("a", 1_010)], 10),
        (&[("a", 1_010), ("b", 5)], 5),
        (&[("a", 3), ("b", 6)], 3 + 1),
        (&[("b", 6)], 0),
        (&[("a", 7), ("b", 6)], 4),
        (&[("a", 2), ("b", 2)], 2 + 2),
    ] {
        assert_eq!(tally.fold(&counters(values), true, Instant::now()), now(more), "{values:?}");
    }
}

#[test]
fn what_does_not_count_may_become_known_late_and_is_no_reset() {
    let mut tally = Tally::default();
    for ((value, aside), more) in [
        ((1_000, 100), 0),
        // Two more that are not known to be ours yet, and then are, with a third.
        ((1_002, 100), 2),
        ((1_003, 103), 0),
        ((1_010, 103), 5),
        ((1_011, 104), 0),
        // A restart.
        ((7, 2), 5),
        ((9, 2), 2),
    ] {
        let counter = Counter { aside, ..Counter::new("a", value) };
        assert_eq!(tally.fold(&[counter], true, Instant::now()), now(more), "{value} less {aside}");
    }
}

#[test]
fn what_we_ask_ourselves_does_not_count() {
    let mut tally = Tally::default();
    for ((ours, value), more) in [
        ((1, 11), 0),
        ((2, 12), 0),
        ((3, 20), 7),
        // It hung, and has answered all of them now.
        ((7, 25), 1),
        // They have never arrived.
        ((11, 26), 0),
        // Restarted.
        ((14, 1), 0),
        ((15, 5), 3),
        // A reading in between was no answer any more.
        ((17, 9), 2),
    ] {
        let counter = Counter { ours, ..Counter::new("a", value) };
        assert_eq!(tally.fold(&[counter], true, Instant::now()), now(more), "{value} with {ours}");
    }
}

#[test]
fn more_than_can_be_is_left_out_and_counting_goes_on() {
    let mut tally = Tally::default();
    assert_eq!(tally.fold(&counters(&[("a", 5)]), true, Instant::now()), now(0));
    assert_eq!(tally.fold(&counters(&[("a", u64::MAX), ("b", u64::MAX)]), true, Instant::now()), Err(Absurd(u64::MAX)));
    assert_eq!(tally.fold(&counters(&[("a", u64::MAX), ("b", 7)]), true, Instant::now()), now(7));
}

#[test]
fn where_a_source_may_leave_one_out_a_new_one_counts_from_where_it_stands() {
    let (mut tally, start) = (Tally::default(), Instant::now());
    for (values, more) in [(&[("a", 5)][..], 0), (&[("a", 6), ("b", 5_000)], 1), (&[("b", 5_002)], 2)] {
        assert_eq!(tally.fold(&counters(values), false, start), now(more), "{values:?}");
    }
}

#[test]
fn a_name_that_is_gone_for_long_is_forgotten_and_so_are_too_many() {
    let (mut tally, start) = (Tally::default(), Instant::now());
    for step in 0..100_u32 {
        let name = format!("pod-{step}");
        tally.fold(&counters(&[("a", 1), (&name, 1)]), true, start + COUNTER_MEMORY / 10 * step).expect("few");
    }
    assert!(tally.last.len() <= 12, "{}", tally.last.len());
    let names: Vec<String> = (0..=COUNTERS_REMEMBERED_MAX).map(|index| index.to_string()).collect();
    let many: Vec<Counter> = names.iter().map(|name| Counter::new(name, 1)).collect();
    tally.fold(&many, true, start + COUNTER_MEMORY * 11).expect("few");
    assert_eq!(tally.last.len(), many.len(), "those that are there stay");
}

#[test]
fn one_that_stands_there_twice_counts_once() {
    let mut tally = Tally::default();
    for (value, more) in [(100, 0), (100, 0), (107, 7)] {
        assert_eq!(tally.fold(&counters(&[("a", value), ("a", 5)]), true, Instant::now()), now(more), "{value}");
    }
}

#[test]
fn what_had_to_be_forgotten_is_not_counted_again_when_it_comes_back() {
    let (mut tally, start) = (Tally::default(), Instant::now());
    let half = |first: usize, value| -> Vec<Counter> {
        (first..first + COUNTERS_REMEMBERED_MAX / 2).map(|name| Counter::new(name.to_string(), value)).collect()
    };
    let step = |tally: &mut Tally, counters: &[Counter], seconds| {
        tally.fold(counters, true, start + std::time::Duration::from_secs(seconds)).expect("few").now
    };
    let (one, other) = (half(0, 3), half(COUNTERS_REMEMBERED_MAX / 2, 1));
    assert_eq!([step(&mut tally, &one, 0), step(&mut tally, &other, 1)], [0, other.len() as u64]);
    assert_eq!((step(&mut tally, &one, 2), tally.is_crowded(start)), (0, false), "all are remembered");
    let more = half(COUNTERS_REMEMBERED_MAX, 1);
    assert_eq!(step(&mut tally, &more, 3), more.len() as u64);
    assert!(tally.is_crowded(start));
    assert_eq!(step(&mut tally, &one, 4), 0);
    let later = COUNTER_MEMORY.as_secs() + 4;
    assert_eq!(step(&mut tally, &[one, counters(&[("new", 2)])].concat(), later), 2);
}

/// As a later run does.
fn resumed(before: &Tally) -> Tally {
    let mut tally = Tally::default();
    tally.resume(before.last.iter().map(|(name, last)| (name.clone(), last.mark)), Instant::now());
    tally
}

#[test]
fn what_was_counted_since_an_earlier_run_is_known_but_for_what_is_new() {
    let mut tally = Tally::default();
    tally.fold(&counters(&[("a", 100), ("b", 50), ("c", 9)]), true, Instant::now()).expect("few");
    let mut tally = resumed(&tally);
    // A restarted one, one that is gone, and one that nobody has known.
    let since = tally.fold(&counters(&[("a", 130), ("b", 4), ("d", 1_000)]), true, Instant::now());
    assert_eq!(since, Ok(Counted { now: 0, meanwhile: 34 }));
    assert_eq!(tally.fold(&counters(&[("a", 131), ("d", 1_001), ("e", 2)]), true, Instant::now()), now(4));
}

#[test]
fn what_is_reckoned_goes_on_in_a_later_run_if_that_reckons_in_the_same_way() {
    let counter = |value, afresh: (u64, u64)| {
        let afresh = Some(Afresh { value: afresh.0, basis: afresh.1 });
        [Counter { afresh, ..Counter::new("a", value) }]
    };
    let mut tally = Tally::default();
    for (value, afresh, more) in [(70, (70, 1), 0), (75, (75, 1), 5), (77, (2, 1), 2)] {
        assert_eq!(tally.fold(&counter(value, afresh), true, Instant::now()), now(more));
    }
    // The mark is what this one sees, not the 77.
    let since = resumed(&tally).fold(&counter(9, (9, 1)), true, Instant::now());
    assert_eq!(since, Ok(Counted { now: 0, meanwhile: 7 }));
    let mut other = resumed(&tally);
    assert_eq!(other.fold(&counter(500, (500, 2)), true, Instant::now()), now(0));
    assert_eq!(other.fold(&counter(501, (501, 3)), true, Instant::now()), now(1));
}

#[test]
fn what_changes_is_booked_once_and_what_is_forgotten_is_told() {
    let (mut tally, start) = (Tally::default(), Instant::now());
    let names = |tally: &Tally| {
        let Changes { marks, gone } = tally.unbooked();
        let mut names: Vec<String> = marks.into_iter().map(|(name, _)| name).collect();
        names.sort();
        (names.join(","), gone.join(","))
    };
    let said = |marks: &str, gone: &str| (marks.to_owned(), gone.to_owned());
    tally.fold(&counters(&[("a", 1), ("b", 1)]), true, start).expect("few");
    let first = tally.unbooked();
    assert_eq!(names(&tally), said("a,b", ""));
    tally.fold(&counters(&[("a", 2), ("b", 1)]), true, start).expect("few");
    tally.booked(&first);
    assert_eq!(names(&tally), said("a", ""), "it has changed while the first was being written");
    tally.booked(&tally.unbooked());
    assert_eq!(tally.unbooked(), Changes::default());
    tally.fold(&counters(&[("a", 2)]), true, start + COUNTER_MEMORY).expect("few");
    assert_eq!(names(&tally), said("", "b"));
    tally.fold(&counters(&[("a", 2), ("b", 1)]), true, start + COUNTER_MEMORY).expect("few");
    assert_eq!(names(&tally), said("b", "b"), "forgotten first, then known again");
    tally.booked(&tally.unbooked());
    assert_eq!(tally.unbooked(), Changes::default());
    tally.doubt();
    assert_eq!(names(&tally), said("a,b", ""));
}

proptest! {
    /// Whatever is restarted when: nothing is invented, and nothing is lost but for what a restart swallowed.
    #[test]
    fn what_was_seen_is_counted_once(steps in prop::collection::vec((0_u64..50, any::<bool>()), 1..100)) {
        let mut tally = Tally::default();
        let (mut shown, mut truth, mut counted) = (7, 0, 0);
        prop_assert_eq!(tally.fold(&counters(&[("a", shown)]), true, Instant::now()), now(0));
        let restarts = steps.iter().filter(|(_, restarted)| *restarted).count();
        for (requests, restarted) in steps {
            shown = if restarted { requests } else { shown + requests };
            truth += requests;
            let more = tally.fold(&counters(&[("a", shown)]), true, Instant::now()).expect("few").now;
            prop_assert!(more <= requests);
            counted += more;
        }
        prop_assert!(restarts > 0 || counted == truth);
    }
}
