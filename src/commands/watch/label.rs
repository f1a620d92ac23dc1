//! Labels: what the streams of a watch are called.

use unicode_width::UnicodeWidthStr;

use crate::client::origin::Origin;
use crate::protocol::Feed;

/// What `20:10:02.114` takes.
const TIME_COLUMNS: usize = 12;

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
    /// The column at which the text of its lines begins: behind the time of day and the name.
    pub(super) fn text_column(&self) -> usize {
        TIME_COLUMNS + 2 + self.name.width() + 2
    }

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
