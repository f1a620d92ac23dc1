//! Deadlines and the end of a connection, over loopback sockets, with the time passed in.

use std::time::Duration;

use tokio::net::TcpStream;

use super::*;
use crate::protocol::SERVER_PING_INTERVAL;
use crate::protocol::resume::Since;
use crate::websocket::frame::ping;

/// A shard with one connection, and its peer.
async fn seated() -> (Shard, usize, TcpStream) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let peer = TcpStream::connect(listener.local_addr().expect("bound")).await.expect("it listens");
    let (socket, _) = listener.accept().await.expect("it has connected");
    let link = Arc::new(Link::new(socket.into()));
    let mut shard = Shard::new(Arc::new(Streams::new(1)), Arc::default());
    let (seated, key) = oneshot::channel();
    let subscriptions = vec![Subscription { feed: Feed::Metrics, since: Since::Now }];
    shard.obey(Order::Attach { link, subscriptions, encoding: Encoding::Plain, seated }).await;
    (shard, key.await.expect("a key"), peer)
}

impl Shard {
    /// Sweeps once a second, as it should be, for as long as this.
    async fn sweep_for(&mut self, span: Duration) {
        for _ in 0..span.as_secs() {
            self.sweep(self.swept + SWEEP_INTERVAL).await;
        }
    }
}

#[tokio::test]
async fn an_end_is_counted_once_whoever_else_ends_it() {
    let (mut shard, key, _peer) = seated().await;
    shard.obey(Order::CloseAll(Farewell::Stop)).await;
    shard.obey(Order::Close { key, frames: frame::close(CloseCode::Done, ""), ending: Ending::ByPeer }).await;
    shard.obey(Order::Leave { key }).await;
    assert_eq!(shard.traffic.ended_so_far(Ending::Closed(CloseCode::GoingAway)), 1);
    assert_eq!(shard.traffic.ended_so_far(Ending::ByPeer), 0);
    assert_eq!(shard.traffic.ended_so_far(Ending::Vanished), 0);
}

#[tokio::test]
async fn deadlines_hold_while_orders_keep_coming() {
    let (mut shard, key, _peer) = seated().await;
    let (sender, mut orders) = mpsc::channel(1);
    sender.send(Order::Reply { key, frames: ping() }).await.expect("room");
    let mut sweep = tokio::time::interval_at(Instant::now() - SWEEP_INTERVAL, SWEEP_INTERVAL);
    let mut batch = Vec::new();
    let wake = std::future::poll_fn(|cx| shard.poll(cx, &mut orders, &mut batch, &mut sweep)).await;
    assert!(matches!(wake, Wake::Sweep));
    let wake = std::future::poll_fn(|cx| shard.poll(cx, &mut orders, &mut batch, &mut sweep)).await;
    assert!(matches!(wake, Wake::Orders) && batch.len() == 1);
}

#[tokio::test]
async fn a_silent_peer_is_cut_off_but_not_for_time_in_which_nobody_listened() {
    let (mut shard, key, _peer) = seated().await;
    shard.sweep_for(SERVER_PING_INTERVAL + Duration::from_secs(1)).await;
    assert!(matches!(shard.peers[key].stage, Stage::Open(Pulse::Awaited(_))));
    shard.sweep(shard.swept + Duration::from_secs(3600)).await;
    assert!(shard.peers[key].is_open(), "the process was stopped for an hour");
    shard.sweep_for(SERVER_PING_TIMEOUT).await;
    assert!(!shard.peers[key].is_open());
    assert_eq!(shard.traffic.ended_so_far(Ending::Closed(CloseCode::TooSlow)), 1);
}
