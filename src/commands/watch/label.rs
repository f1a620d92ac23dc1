//! Labels: what the streams of a watch are called.

use crate::client::origin::Origin;
use crate::protocol::Feed;

/// The names of one stream.
#[derive(Debug, Clone)]
pub(super) struct Label {
    pub(super) feed: Option<Feed>,
    pub(super) server: String,
    pub(super) url: String,
    /// What tells it from the others, for people.
    pub(super) name: String,
}

impl Label {
    /// The labels of all streams. Where there is one server only, its name is left out.
    pub(super) fn all(origins: &[Origin]) -> Vec<Label> {
        let alone = origins.iter().all(|origin| origin.server == origins[0].server);
        let label = |origin: &Origin| Label {
            feed: origin.feed,
            server: origin.server.clone(),
            url: origin.url.clone(),
            name: match origin.feed {
                Some(feed) if alone => format!("{feed:<8}"),
                Some(feed) => format!("{}  {feed:<8}", origin.server),
                None => origin.url.clone(),
            },
        };
        origins.iter().map(label).collect()
    }
}
