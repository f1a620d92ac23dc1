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
    /// `host:port`, and the path before the feeds where several servers have that address.
    pub(super) server: String,
    /// Which of the servers it is of: streams of one have the same number.
    pub(super) place: usize,
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
        let mut places: Vec<Place<'_>> = Vec::new();
        let of: Vec<Place<'_>> = origins.iter().map(|origin| Place::of(origin, origins)).collect();
        of.iter().for_each(|place| {
            if !places.contains(place) {
                places.push(*place)
            }
        });
        let alone = places.len() <= 1;
        let label = |(origin, place): (&Origin, &Place<'_>)| {
            let repeated = places.iter().filter(|other| other.server == place.server).count() > 1;
            let server = format!("{}{}", place.server, if repeated { place.prefix } else { "" });
            Label {
                feed: origin.feed,
                url: origin.url.clone(),
                name: match origin.feed {
                    Some(feed) if alone => format!("{feed:<8}"),
                    Some(feed) => format!("{server}  {feed:<8}"),
                    None => origin.url.clone(),
                },
                server,
                place: places.iter().position(|other| other == place).expect("every place was put there"),
            }
        };
        origins.iter().zip(&of).map(label).collect()
    }
}

/// What makes a server one: behind one address several may stand, each below a path of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place<'a> {
    scheme: &'a str,
    server: &'a str,
    prefix: &'a str,
}

impl<'a> Place<'a> {
    /// The place of one of these origins. A URL that is no feed belongs to the server below whose path it stands.
    fn of(origin: &'a Origin, all: &'a [Origin]) -> Place<'a> {
        let own = |origin: &'a Origin| {
            let (scheme, rest) = origin.url.split_once("://").unwrap_or_default();
            let path = rest.find('/').map_or("", |start| &rest[start..]);
            (Place { scheme, server: &origin.server, prefix: "" }, path)
        };
        let feeds = |origin: &'a Origin| {
            let (place, path) = own(origin);
            origin.feed.map(|feed| Place { prefix: path.strip_suffix(&feed.path()).unwrap_or_default(), ..place })
        };
        feeds(origin).unwrap_or_else(|| {
            let (place, path) = own(origin);
            let above = all.iter().filter_map(feeds).filter(|other| {
                let below =
                    path.strip_prefix(other.prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
                below && Place { prefix: "", ..*other } == place
            });
            above.max_by_key(|other| other.prefix.len()).unwrap_or(place)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_below_paths_of_one_address_are_told_apart() {
        let origin = |feed, server: &str, url: &str| Origin { feed, server: server.to_owned(), url: url.to_owned() };
        let metrics = Some(Feed::Metrics);
        let origins = [
            origin(metrics, "h:80", "ws://h/a/api/ws/metrics"),
            origin(Some(Feed::Status), "h:80", "ws://h/a/api/ws/status"),
            origin(metrics, "h:80", "ws://h/b/api/ws/metrics"),
            origin(metrics, "h:80", "ws://h/api/ws/metrics"),
            origin(metrics, "g:80", "ws://g/c/api/ws/metrics"),
            origin(None, "h:80", "ws://h/b/news"),
            origin(None, "h:80", "ws://h/bb/news"),
        ];
        let labels = Label::all(&origins);
        let told: Vec<(usize, &str)> = labels.iter().map(|label| (label.place, label.server.as_str())).collect();
        assert_eq!(
            told,
            [(0, "h:80/a"), (0, "h:80/a"), (1, "h:80/b"), (2, "h:80"), (3, "g:80"), (1, "h:80/b"), (2, "h:80")]
        );
        assert_eq!(labels[2].name, "h:80/b  metrics ");
        let one = Label::all(&origins[..2]);
        assert_eq!((one[0].server.as_str(), one[0].name.as_str()), ("h:80", "metrics "));
    }
}
