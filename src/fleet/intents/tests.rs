use std::time::Duration;

use super::*;

fn subject() -> Subject {
    Subject { source: "edge".to_owned(), pool: "app".to_owned(), address: "127.0.0.1:1".to_owned() }
}

fn order(wanted: Wanted, lasts: Option<Duration>) -> Order {
    let reason = Some("kernel".to_owned());
    Order { backend: "127.0.0.1:1".to_owned(), pool: None, source: None, wanted, lasts, reason }
}

fn drain(lasts: Option<Duration>, now: Timestamp) -> Kept {
    Kept::ordered(None, &order(Wanted::Admin(Admin::Draining), lasts), 1, now)
}

#[tokio::test(start_paused = true)]
async fn it_is_told_until_it_is_shown_and_again_when_it_was_lost() {
    let folder = tempfile::tempdir().expect("a folder");
    let (intents, subject, now) = (Intents::open(folder.path()), subject(), Timestamp::now());
    let state = || intents.get(&subject).map(|intent| intent.state);
    intents.put(subject.clone(), drain(None, now)).await;
    assert_eq!(intents.judge(&subject, None, now), (Step::Wait, false), "it is not there now");
    assert_eq!(intents.judge(&subject, Some((Admin::Enabled, 1)), now), (Step::Tell, false));
    assert!(intents.told(&subject, &Err("no".to_owned())));
    assert_eq!(state(), Some(Standing::Failed));
    assert_eq!(intents.judge(&subject, Some((Admin::Enabled, 1)), now).0, Step::Wait, "not at once again");
    tokio::time::advance(INTENT_RETRY_INTERVAL).await;
    assert_eq!(intents.judge(&subject, Some((Admin::Enabled, 1)), now).0, Step::Tell);
    assert!(intents.told(&subject, &Ok(())));
    assert_eq!(intents.judge(&subject, Some((Admin::Draining, 1)), now), (Step::Wait, true));
    assert_eq!(state(), Some(Standing::Applied));
    tokio::time::advance(INTENT_RETRY_INTERVAL).await;
    assert_eq!(intents.judge(&subject, Some((Admin::Enabled, 1)), now), (Step::Tell, true), "lost by a reload");
}

#[tokio::test(start_paused = true)]
async fn it_survives_a_restart_and_ends_in_time() {
    let folder = tempfile::tempdir().expect("a folder");
    let (subject, now) = (subject(), Timestamp::now());
    let minute = Duration::from_secs(60);
    let until = now.after(minute).expect("in range");
    Intents::open(folder.path()).put(subject.clone(), drain(Some(minute), now)).await;
    let intents = Intents::open(folder.path());
    let read = intents.get(&subject).expect("it is kept");
    assert_eq!((read.admin, read.reason.as_deref()), (Some(Admin::Draining), Some("kernel")));
    assert_eq!(intents.judge(&subject, Some((Admin::Draining, 1)), now).0, Step::Wait);
    // A source may show no more of a server that is down than that it is enabled: it is told all the same.
    assert_eq!(intents.judge(&subject, Some((Admin::Enabled, 1)), until).0, Step::Tell);
    intents.told(&subject, &Err("no".to_owned()));
    assert_eq!(intents.judge(&subject, Some((Admin::Enabled, 1)), until).0, Step::Wait, "it was not taken");
    tokio::time::advance(INTENT_RETRY_INTERVAL).await;
    assert_eq!(intents.judge(&subject, Some((Admin::Enabled, 1)), until).0, Step::Tell);
    intents.told(&subject, &Ok(()));
    assert_eq!(intents.judge(&subject, Some((Admin::Enabled, 1)), until).0, Step::Withdrawn);
    intents.remove(&subject).await;
    assert!(Intents::open(folder.path()).all().is_empty());
}

#[tokio::test]
async fn what_a_disk_did_not_take_is_written_when_it_does() {
    let folder = tempfile::tempdir().expect("a folder");
    let state_dir = folder.path().join("later");
    let (intents, subject, now) = (Intents::open(&state_dir), subject(), Timestamp::now());
    intents.put(subject.clone(), drain(None, now)).await;
    fs::create_dir(&state_dir).expect("a folder of ours");
    let kept = || Intents::open(&state_dir).get(&subject).is_some();
    assert!(!kept(), "there was no room for it");
    intents.save_again().await;
    assert!(kept());
    fs::remove_file(state_dir.join("intents.json")).expect("a file of ours");
    intents.save_again().await;
    assert!(!kept(), "nothing is written again without need");
}

#[tokio::test(start_paused = true)]
async fn the_state_and_the_weight_end_each_by_itself() {
    let folder = tempfile::tempdir().expect("a folder");
    let (intents, subject, now) = (Intents::open(folder.path()), subject(), Timestamp::now());
    let after = |seconds| now.after(Duration::from_secs(seconds)).expect("in range");
    let shown = |intent: Option<Intent>| intent.map(|intent| (intent.admin, intent.weight, intent.until));
    let mut kept = drain(Some(Duration::from_secs(60)), now);
    for (weight, lasts, seen) in [(5, None, 7), (3, Some(Duration::from_secs(10)), 5)] {
        kept = Kept::ordered(Some(&kept), &order(Wanted::Weight(weight), lasts), seen, now);
    }
    intents.put(subject.clone(), kept).await;
    let wanted = (Some(Admin::Draining), Some(3), Some(after(10)));
    assert_eq!(shown(intents.get(&subject)), Some(wanted), "the earlier end is told");
    assert_eq!(intents.judge(&subject, Some((Admin::Draining, 3)), now).0, Step::Wait);
    // The weight ends first: it becomes what it was before anybody ordered one.
    assert_eq!(intents.judge(&subject, Some((Admin::Draining, 3)), after(10)).0, Step::Tell);
    assert_eq!(shown(intents.get(&subject)), Some((Some(Admin::Draining), Some(7), Some(after(60)))));
    intents.told(&subject, &Ok(()));
    assert_eq!(intents.judge(&subject, Some((Admin::Draining, 7)), after(11)).0, Step::Shortened);
    assert_eq!(shown(intents.get(&subject)), Some((Some(Admin::Draining), None, Some(after(60)))));
    // An order to enable ends both.
    let kept = intents.kept(&subject).expect("it is kept");
    let kept = Kept::ordered(Some(&kept), &order(Wanted::Weight(2), None), 7, now);
    let kept = Kept::ordered(Some(&kept), &order(Wanted::Admin(Admin::Enabled), None), 2, now);
    intents.put(subject.clone(), kept).await;
    assert_eq!(shown(intents.get(&subject)), Some((Some(Admin::Enabled), Some(7), None)));
    assert_eq!(intents.judge(&subject, Some((Admin::Enabled, 2)), after(12)).0, Step::Tell);
    intents.told(&subject, &Ok(()));
    assert_eq!(intents.judge(&subject, Some((Admin::Enabled, 7)), after(12)).0, Step::Withdrawn);
}

#[test]
fn a_file_that_is_none_of_ours_is_no_end() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("intents.json"), "{").expect("a file");
    assert!(Intents::open(folder.path()).all().is_empty());
}
