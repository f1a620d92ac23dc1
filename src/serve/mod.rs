//! The server: listening, letting in, answering over HTTP, and handing feeds to connections.

mod act;
mod addresses;
pub mod admission;
mod answer;
pub mod auth;
mod burst;
pub mod connection;
mod control;
mod conversation;
mod dashboard;
pub mod documents;
mod encoding;
mod events;
pub mod farewell;
mod hosts;
pub mod hub;
mod latest;
pub mod listener;
pub mod origin;
mod pace;
mod pass;
pub mod proxies;
mod push;
pub mod reload;
mod ring;
pub mod routes;
pub mod shard;
pub mod socket;
mod stream;
pub mod telemetry;
mod track;
mod upgrade;
mod wire;

use std::sync::Arc;

use tokio::sync::mpsc;

use crate::feeds::{Feeds, Update, World};
use crate::shutdown::Shutdown;
use admission::Admission;
use auth::Guard;
use farewell::Farewell;
use hub::Hub;
use reload::Reloader;
use telemetry::{Telemetry, Traffic};

/// Everything a request can reach.
pub struct App {
    world: Arc<World>,
    feeds: Feeds,
    hub: Arc<Hub>,
    traffic: Arc<Traffic>,
    telemetry: Telemetry,
    admission: Arc<Admission>,
    guard: Guard,
    reloader: Arc<Reloader>,
    stopping: Shutdown,
    connections: Shutdown,
}

impl App {
    /// Starts the feeds and the hub. `connections` is the shutdown of what has to outlive the feeds: the hub has to be
    /// there to say goodbye when `shutdown` has ended everything else.
    pub fn start(
        world: Arc<World>,
        admission: Arc<Admission>,
        guard: Guard,
        reloader: Arc<Reloader>,
        shutdown: &Shutdown,
        connections: &Shutdown,
    ) -> Arc<App> {
        let traffic = Arc::new(Traffic::default());
        let shards = std::thread::available_parallelism().map_or(1, usize::from);
        let hub = Arc::new(Hub::start(shards, &traffic, connections));
        let (feeds, updates) = Feeds::start(&world, shutdown);
        shutdown.spawn(hand_over(updates, Arc::clone(&hub)));
        let telemetry = Telemetry::new(&world, &traffic, &admission, guard.tally());
        Arc::new(App {
            world,
            feeds,
            hub,
            traffic,
            telemetry,
            admission,
            guard,
            reloader,
            stopping: shutdown.clone(),
            connections: connections.clone(),
        })
    }

    /// Lets those know that end by themselves when the work does.
    pub fn announce(&self, farewell: Farewell) {
        self.hub.announce(farewell);
    }

    /// Sends every feed connection away.
    pub async fn say_goodbye(&self, farewell: Farewell) {
        self.hub.close_all(farewell).await;
    }
}

/// Publishes what the feeds say until they have ended.
async fn hand_over(mut updates: mpsc::Receiver<Update>, hub: Arc<Hub>) {
    while let Some(update) = updates.recv().await {
        hub.publish(update.feed, update.change).await;
        // The feed may have been told to stop meanwhile.
        let _ = update.delivered.send(());
    }
}
