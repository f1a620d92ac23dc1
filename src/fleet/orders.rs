//! Orders of operators: finding the backend, telling its source, and keeping what is wanted true.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval, timeout};

use super::intents::{Kept, Step, Subject};
use super::member::CHECK;
use super::{Fleet, Member};
use crate::config::Pool;
use crate::limits::INTENT_LOOK_INTERVAL;
use crate::net::fault::in_words;
use crate::protocol::control::{Order, Wanted};
use crate::protocol::message::{Backend, Intent, Standing};
use crate::protocol::{Admin, Timestamp};
use crate::sources::{Poller, Telling, Which, Wish};

/// Why an order is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// There is no such backend.
    #[error("{0}")]
    Unknown(String),
    /// It cannot be done with this backend.
    #[error("{0}")]
    Impossible(String),
    /// Its source does not do it.
    #[error("{0}")]
    BySource(String),
}

impl Fleet {
    /// Takes an order: keeps it as an intent, and tells the source at once. Gives the backend as it is then; none, when what
    /// was ordered of one that is not there any more has been withdrawn.
    ///
    /// # Errors
    /// Why it is not taken. A source that does not answer is no reason: the order waits for it.
    pub async fn order(&self, order: Order) -> Result<Option<Backend>, Refused> {
        let member = match self.find(&order) {
            Ok(member) => member,
            Err(Refused::Unknown(_)) if self.withdraw(&order).await => return Ok(None),
            Err(refused) => return Err(refused),
        };
        let subject = subject(&member.backend);
        let poller = self.source(&subject.source);
        if poller.as_ref().is_some_and(|poller| poller.spec().telling() == Telling::Impossible) {
            let source = &subject.source;
            return Err(Refused::Impossible(format!("source `{source}` can be read, and not told anything")));
        }
        if poller.is_none() && matches!(order.wanted, Wanted::Weight(_)) {
            let words = "the weight of a backend of ours stands in the settings; change it there, and reload them";
            return Err(Refused::Impossible(words.to_owned()));
        }
        let before = self.intents.kept(&subject);
        let kept = Kept::ordered(before.as_ref(), &order, member.backend.weight, Timestamp::now());
        self.intents.put(subject.clone(), kept).await;
        let told = match &poller {
            Some(poller) => self.tell(poller, &subject).await,
            None => {
                self.intents.told(&subject, &Ok(()));
                Ok(())
            }
        };
        if let Err(why) = told {
            // What it does not do now it will not do later.
            match before {
                Some(before) => self.intents.put(subject, before).await,
                None => self.intents.remove(&subject).await,
            }
            return Err(Refused::BySource(why));
        }
        self.look(Some(&subject)).await;
        self.changes.send_modify(|count| *count += 1);
        let found = self.find_subject(&subject);
        found.map(Some).ok_or_else(|| Refused::Unknown("the backend has just gone".to_owned()))
    }

    /// Keeps what is wanted true, until it is dropped.
    pub(super) async fn keep_intents(self: Arc<Self>) {
        let mut ticks = interval(INTENT_LOOK_INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            if self.look(None).await {
                self.changes.send_modify(|count| *count += 1);
            }
            self.intents.save_again().await;
        }
    }

    /// Looks at one intent, or at all. Gives whether anything has changed.
    async fn look(&self, only: Option<&Subject>) -> bool {
        let mut changed = false;
        for (subject, intent) in self.intents.all() {
            if only.is_some_and(|only| *only != subject) {
                continue;
            }
            let poller = self.source(&subject.source);
            let ours = subject.source == CHECK;
            if ours && !self.checks_itself(&subject) {
                // There is nobody else who has been told, and the settings do not name it any more.
                self.intents.remove(&subject).await;
                changed = true;
                continue;
            }
            let shown = match &poller {
                Some(poller) => shown(poller, &subject),
                // It is as we say.
                None if ours => intent.admin.map(|admin| (admin, intent.weight.unwrap_or(0))),
                // Whoever was told may come back into the settings, and has to be told the end.
                None => None,
            };
            let (step, news) = self.intents.judge(&subject, shown, Timestamp::now());
            changed |= news;
            changed |= self.settle(&subject, &step).await;
            if step == Step::Tell {
                changed |= match poller {
                    // One of ours is so from the next look on.
                    None => self.intents.told(&subject, &Ok(())),
                    Some(poller) => {
                        if let Err(why) = self.tell(&poller, &subject).await {
                            let (source, backend) = (&subject.source, &subject.address);
                            tracing::warn!(source, backend, why, "an order was refused");
                        }
                        true
                    }
                };
            }
        }
        changed
    }

    /// Forgets what of an intent has ended. Gives whether anything has.
    async fn settle(&self, subject: &Subject, step: &Step) -> bool {
        match step {
            Step::Wait | Step::Tell => return false,
            Step::Shortened => self.intents.save().await,
            Step::Withdrawn => self.intents.remove(subject).await,
        }
        true
    }

    /// Tells a source what is wanted, and reads it again to see whether it is so. A source that does not answer is not told,
    /// which is no error: the intent stays pending.
    async fn tell(&self, poller: &Poller, subject: &Subject) -> Result<(), String> {
        let Some(intent) = self.intents.get(subject) else { return Ok(()) };
        let spec = poller.spec();
        let Some(which) = which(poller, subject) else { return Ok(()) };
        let mut result = Ok(());
        let wishes = [intent.admin.map(Wish::Admin), intent.weight.map(Wish::Weight)];
        for wish in wishes.into_iter().flatten() {
            result = match timeout(spec.timeout, spec.source().tell(&which, wish)).await {
                Ok(result) => result,
                Err(_) => Err(format!("no answer within {}", in_words(spec.timeout))),
            };
            if result.is_err() {
                break;
            }
        }
        poller.read().await;
        if poller.standing().fault.is_some() {
            return Ok(());
        }
        self.intents.told(subject, &result);
        if result.is_ok() {
            let (step, _) = self.intents.judge(subject, shown(poller, subject), Timestamp::now());
            self.settle(subject, &step).await;
        }
        result
    }

    fn find(&self, order: &Order) -> Result<Member, Refused> {
        let fits = |wanted: &Option<String>, given: &String| wanted.as_ref().is_none_or(|wanted| wanted == given);
        let of = |member: &Member| {
            let backend = &member.backend;
            backend.address == order.backend && fits(&order.pool, &backend.pool) && fits(&order.source, &backend.source)
        };
        let mut found: Vec<Member> = self.members().into_iter().filter(of).collect();
        match (found.pop(), found.pop()) {
            (Some(member), None) => Ok(member),
            (Some(one), Some(other)) => {
                let key = if one.backend.pool == other.backend.pool { "source" } else { "pool" };
                let place =
                    |member: &Member| format!("`{}` of source `{}`", member.backend.pool, member.backend.source);
                Err(Refused::Impossible(format!(
                    "`{}` stands in several places, among them pool {} and pool {}; name one with `{key}` (`--{key}`)",
                    order.backend,
                    place(&other),
                    place(&one)
                )))
            }
            (None, _) => {
                let pool = order.pool.as_ref().map(|pool| format!(" in pool `{pool}`")).unwrap_or_default();
                let source = order.source.as_ref().map(|source| format!(" from source `{source}`")).unwrap_or_default();
                Err(Refused::Unknown(format!(
                    "there is no backend `{}`{pool}{source}; write its address as the `backends` feed has it",
                    order.backend
                )))
            }
        }
    }

    /// Forgets what was ordered of a backend that is not there any more, by an order to enable it. Gives whether it has.
    async fn withdraw(&self, order: &Order) -> bool {
        if order.wanted != Wanted::Admin(Admin::Enabled) {
            return false;
        }
        let of = |subject: &Subject| {
            subject.address == order.backend
                && order.pool.as_ref().is_none_or(|pool| *pool == subject.pool)
                && order.source.as_ref().is_none_or(|source| *source == subject.source)
        };
        let gone: Vec<Subject> = self.intents.all().into_iter().map(|(subject, _)| subject).filter(of).collect();
        for subject in &gone {
            self.intents.remove(subject).await;
        }
        if !gone.is_empty() {
            self.changes.send_modify(|count| *count += 1);
        }
        !gone.is_empty()
    }

    /// Whether it is one of the settings' own backends.
    fn checks_itself(&self, subject: &Subject) -> bool {
        let plan = self.plan();
        let of = |pool: &&Pool| pool.name == subject.pool;
        let mut backends = plan.pools.iter().filter(of).flat_map(|pool| &pool.backends);
        backends.any(|backend| backend.address == subject.address)
    }

    /// Words for the status about orders that are not so: those for backends that are there, and those for others.
    pub fn complaints(&self, backends: &[Backend]) -> Vec<String> {
        let there: HashSet<Subject> = backends.iter().filter(|one| one.intent.is_some()).map(subject).collect();
        // A source that does not answer, or has not yet, has its own words.
        let is_read = |source: &str| {
            let standing = self.source(source).map(|poller| poller.standing());
            standing.is_none_or(|standing| standing.fault.is_none() && standing.readings > 0)
        };
        let orphans = self
            .intents
            .all()
            .into_iter()
            .filter(|(subject, _)| subject.source != CHECK && !there.contains(subject) && is_read(&subject.source));
        let orphans = orphans.map(|(Subject { source, pool, address }, intent)| {
            let what = wanted(&intent);
            format!("backend {address} of pool `{pool}` is to be {what}, and source `{source}` does not list it")
        });
        backends.iter().filter_map(complaint).chain(orphans).collect()
    }

    fn find_subject(&self, subject: &Subject) -> Option<Backend> {
        self.members().into_iter().map(|member| member.backend).find(|backend| self::subject(backend) == *subject)
    }
}

/// What an order for a backend is about.
pub(super) fn subject(backend: &Backend) -> Subject {
    Subject { source: backend.source.clone(), pool: backend.pool.clone(), address: backend.address.clone() }
}

/// What a source shows of a backend now. None: it is not there, or the source does not answer.
fn shown(poller: &Poller, subject: &Subject) -> Option<(Admin, u32)> {
    let standing = poller.standing();
    if standing.fault.is_some() {
        return None;
    }
    let of = |record: &&crate::sources::Record| record.pool == subject.pool && record.address == subject.address;
    standing.seen.iter().map(|seen| &seen.record).find(of).map(|record| (record.admin, record.weight))
}

/// The name a source has for a backend.
fn which(poller: &Poller, subject: &Subject) -> Option<Which> {
    let standing = poller.standing();
    let of = |record: &&crate::sources::Record| record.pool == subject.pool && record.address == subject.address;
    let record = standing.seen.iter().map(|seen| &seen.record).find(of)?;
    Some(Which { pool: record.pool.clone(), name: record.name.clone() })
}

/// What is wanted, in words.
fn wanted(intent: &Intent) -> String {
    match intent.admin {
        Some(admin) => admin.word().to_owned(),
        None => format!("at weight {}", intent.weight.unwrap_or_default()),
    }
}

/// Words for the status: an order that is not so.
fn complaint(backend: &Backend) -> Option<String> {
    let intent = backend.intent.as_ref()?;
    let what = wanted(intent);
    let place = format!("backend {} of pool `{}`", backend.address, backend.pool);
    match intent.state {
        Standing::Applied => None,
        Standing::Pending if Timestamp::now().since(intent.since) < PENDING_TOLERATED => None,
        Standing::Pending => Some(format!("{place} is to be {what}, and its source does not show it yet")),
        Standing::Failed => {
            let why = intent.error.as_deref().unwrap_or("its source refuses");
            Some(format!("{place} is to be {what}, and is not: {why}"))
        }
    }
}

/// How long an order may take without being worth a reason in the status.
const PENDING_TOLERATED: Duration = Duration::from_secs(10);
