//! nginx's configuration, as far as its `upstream` blocks go: words, quotes, comments, blocks, and files that are included
//! where an upstream or one of its servers may stand.

mod lua;

use std::path::{Path, PathBuf};

use glob::{MatchOptions, Pattern, glob_with};

use crate::limits::{NGINX_DEPTH_MAX, NGINX_FILES_MAX};
use crate::net::fault::io_words;
use crate::protocol::Admin;
use crate::sources::{Asked, Record, contents};

/// A star stands for no slash, and for no dot at the beginning of a name.
const AS_A_SHELL: MatchOptions =
    MatchOptions { case_sensitive: true, require_literal_separator: true, require_literal_leading_dot: true };

/// A piece of the text.
#[derive(Debug, PartialEq)]
enum Token {
    Word(String),
    End,
    Open,
    Close,
}

/// What is being read.
struct Reader {
    /// Where relative files are looked for.
    folder: PathBuf,
    /// Files that have been read, and those that include each other right now.
    files: usize,
    depth: usize,
    /// The blocks that are open, the innermost last. A file may be included in one.
    open: Vec<Block>,
    records: Vec<Record>,
}

/// A block, as far as upstreams go.
enum Block {
    /// One that has upstreams in it, whose servers are asked this.
    Around(Asked),
    /// An upstream of this name.
    Upstream(String, Asked),
    /// Any other. What it includes is not looked at: there are sites of thousands of files, and lists of a million words.
    Other,
}

/// The servers of every upstream block.
pub(super) fn upstreams(path: &Path) -> Result<Vec<Record>, String> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new(".")).to_owned();
    let mut reader = Reader::new(folder, 0);
    reader.file(path)?;
    Ok(reader.records)
}

/// The servers of every upstream block of a text. A file it includes is a mistake: none is read.
pub(super) fn upstreams_of(text: &[u8]) -> Result<Vec<Record>, String> {
    let mut reader = Reader::new(PathBuf::new(), NGINX_FILES_MAX);
    reader.text(text)?;
    Ok(reader.records)
}

impl Reader {
    /// A reader that counts this many files as read.
    fn new(folder: PathBuf, files: usize) -> Reader {
        Reader { folder, files, depth: 0, open: Vec::new(), records: Vec::new() }
    }

    fn file(&mut self, path: &Path) -> Result<(), String> {
        self.room()?;
        self.files += 1;
        self.depth += 1;
        let shown = path.display();
        let read = self.text(&contents::read(path)?);
        self.depth -= 1;
        // The innermost file is the one to look into.
        read.map_err(|why| if why.contains('`') { why } else { format!("`{shown}` {why}") })
    }

    /// Whether one more file may be read.
    fn room(&self) -> Result<(), String> {
        if self.files < NGINX_FILES_MAX && self.depth <= NGINX_DEPTH_MAX {
            return Ok(());
        }
        Err(format!(
            "includes more than {NGINX_FILES_MAX} files, or more than {NGINX_DEPTH_MAX} in each other; does one include \
             itself?"
        ))
    }

    fn text(&mut self, text: &[u8]) -> Result<(), String> {
        let tokens = tokens(&String::from_utf8_lossy(text))?;
        self.directives(&tokens)
    }

    /// Reads the directives of a file. Those of other blocks are gone through for the upstreams in them.
    fn directives(&mut self, tokens: &[Token]) -> Result<(), String> {
        let mut words: Vec<&str> = Vec::new();
        // A file ends in the block it was included in.
        let around = self.open.len();
        for token in tokens {
            match token {
                Token::Word(word) => words.push(word),
                Token::Open => {
                    self.open.push(match (&words[..], self.open.last()) {
                        (_, Some(Block::Upstream(..))) => Block::Other,
                        (["upstream", name], Some(Block::Around(asked))) => Block::Upstream((*name).to_owned(), *asked),
                        (["upstream", name], _) => Block::Upstream((*name).to_owned(), Asked::AsSet),
                        (["http"], _) => Block::Around(Asked::AsSet),
                        (["stream"], _) => Block::Around(Asked::Connect),
                        _ => Block::Other,
                    });
                    words.clear();
                }
                Token::Close => {
                    if self.open.len() == around {
                        return Err("closes a block that was not opened".to_owned());
                    }
                    self.open.pop();
                    words.clear();
                }
                Token::End => {
                    match (&words[..], self.open.last()) {
                        (["include", _], Some(Block::Other)) => {}
                        (["include", pattern], _) => self.include(pattern)?,
                        (["server", address, parameters @ ..], Some(Block::Upstream(pool, asked))) => {
                            self.records.push(server(pool, address, parameters, *asked));
                        }
                        _ => {}
                    }
                    words.clear();
                }
            }
        }
        if self.open.len() > around { Err("ends inside a block".to_owned()) } else { Ok(()) }
    }

    /// Reads the files that a pattern means, in the order of their names. None is no mistake where there is a star; a folder
    /// that cannot be read is one, for nobody knows what is in it.
    fn include(&mut self, pattern: &str) -> Result<(), String> {
        if !pattern.contains(['*', '?', '[']) {
            return self.file(&self.folder.join(pattern));
        }
        self.room()?;
        // Two stars mean what one does, and are something else in other patterns.
        let mut pattern = pattern.to_owned();
        while pattern.contains("**") {
            pattern = pattern.replace("**", "*");
        }
        if !pattern.starts_with('/') {
            pattern = format!("{}/{pattern}", Pattern::escape(&self.folder.to_string_lossy()));
        }
        let found = glob_with(&pattern, AS_A_SHELL).map_err(|error| format!("includes `{pattern}`: {}", error.msg))?;
        for path in found {
            let path = path
                .map_err(|error| format!("`{}` cannot be read: {}", error.path().display(), io_words(error.error())))?;
            if path.is_file() {
                self.file(&path)?;
            }
        }
        Ok(())
    }
}

fn tokens(text: &str) -> Result<Vec<Token>, String> {
    let mut tokens = Vec::new();
    let mut letters = text.chars().peekable();
    // Where the directive in hand begins.
    let mut first = 0;
    while let Some(letter) = letters.next() {
        match letter {
            letter if letter.is_whitespace() => {}
            '#' => while letters.next_if(|letter| *letter != '\n').is_some() {},
            ';' | '{' | '}' => {
                let is_lua = matches!(tokens.get(first), Some(Token::Word(word)) if letter == '{' && word.ends_with("_by_lua_block"));
                tokens.push(match letter {
                    ';' => Token::End,
                    '{' => Token::Open,
                    _ => Token::Close,
                });
                if is_lua {
                    lua::skip(&mut letters)?;
                    tokens.push(Token::Close);
                }
                first = tokens.len();
            }
            quote @ ('"' | '\'') => {
                let mut word = String::new();
                loop {
                    match letters.next().ok_or("ends inside quotes")? {
                        '\\' => word.extend(letters.next()),
                        letter if letter == quote => break,
                        letter => word.push(letter),
                    }
                }
                tokens.push(Token::Word(word));
            }
            begin => {
                let mut word = String::new();
                let mut next = Some(begin);
                while let Some(letter) = next {
                    match letter {
                        '\\' => word.extend(letters.next()),
                        // A variable: `${name}` opens no block.
                        '{' if word.ends_with('$') => {
                            word.push('{');
                            while let Some(letter) = letters.next_if(|letter| *letter != '}') {
                                word.push(letter);
                            }
                            word.extend(letters.next());
                        }
                        letter => word.push(letter),
                    }
                    let ends = |letter: &char| letter.is_whitespace() || *letter == ';';
                    next = letters.next_if(|letter| !ends(letter) && (*letter != '{' || word.ends_with('$')));
                }
                tokens.push(Token::Word(word));
            }
        }
    }
    Ok(tokens)
}

fn server(pool: &str, address: &str, parameters: &[&str], asked: Asked) -> Record {
    let weight = parameters.iter().find_map(|parameter| parameter.strip_prefix("weight=")?.parse().ok());
    // The port goes without saying for web servers.
    let with_port = address.starts_with("unix:") || address.rsplit(']').next().unwrap_or_default().contains(':');
    Record {
        pool: pool.to_owned(),
        name: address.to_owned(),
        address: if with_port { address.to_owned() } else { format!("{address}:80") },
        weight: weight.unwrap_or(1),
        admin: if parameters.contains(&"down") { Admin::Maintenance } else { Admin::Enabled },
        finding: None,
        asked,
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use proptest::prelude::*;

    use super::*;

    fn read(files: &[(&str, &str)]) -> Result<Vec<(String, String, u32, Admin)>, String> {
        let folder = tempfile::tempdir().expect("a folder");
        for (name, text) in files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
            fs::write(path, text).expect("a file");
        }
        let records = upstreams(&folder.path().join("nginx.conf"))?;
        Ok(records.into_iter().map(|one| (one.pool, one.address, one.weight, one.admin)).collect())
    }

    fn one(pool: &str, address: &str, weight: u32, admin: Admin) -> (String, String, u32, Admin) {
        (pool.to_owned(), address.to_owned(), weight, admin)
    }

    #[test]
    fn upstreams_are_found_wherever_they_stand() {
        let main = "# upstream no { server x; }\nevents {}\nhttp {\n  log_format x '$a \"{\" ;' \"\\\"\";\n\
                    include conf.d/*.conf; include 'more.inc';\n  map $a ${b}c { default \"}\"; }\n\
                    upstream \"app\" { least_conn; zone app 64k; server 10.0.0.1:81 weight=3 max_fails=2; server 10.0.0.2 down;\n\
                    server unix:/run/app.sock backup; server [::1]; server [::1]:82; keepalive 8; }\n\
                    server { listen 80; location / { proxy_pass http://app; } } }\n";
        let records = read(&[
            ("nginx.conf", main),
            ("conf.d/b.conf", "upstream b { server b.example.com; }"),
            ("conf.d/a.conf", "upstream a { server a.example.com:8080; }"),
            ("conf.d/a.conf.bak", "upstream no { server no; }"),
            ("more.inc", ""),
        ]);
        use Admin::{Enabled, Maintenance};
        let wanted = vec![
            one("a", "a.example.com:8080", 1, Enabled),
            one("b", "b.example.com:80", 1, Enabled),
            one("app", "10.0.0.1:81", 3, Enabled),
            one("app", "10.0.0.2:80", 1, Maintenance),
            one("app", "unix:/run/app.sock", 1, Enabled),
            one("app", "[::1]:80", 1, Enabled),
            one("app", "[::1]:82", 1, Enabled),
        ];
        assert_eq!(records, Ok(wanted));
    }

    #[test]
    fn every_part_of_a_path_may_be_a_pattern() {
        let records = read(&[
            ("nginx.conf", "include sites/*/[a-m]?.conf; include *******************************x;"),
            ("sites/two/m2.conf", "upstream c { server c; }"),
            ("sites/one/b1.conf", "upstream b { server b; }"),
            ("sites/one/a1.conf", "upstream a { server a; }"),
            ("sites/one/n1.conf", "upstream no { server no; }"),
            ("sites/.hidden/a1.conf", "upstream no { server no; }"),
            (&"a".repeat(200), ""),
        ]);
        let pools: Vec<String> = records.expect("records").into_iter().map(|record| record.0).collect();
        assert_eq!(pools, ["a", "b", "c"]);
    }

    #[test]
    fn files_are_included_where_upstreams_stand_and_nowhere_else() {
        let main = "http { upstream a { include servers/a; server a2:1 backup; include servers/none-*; } include more;\n\
                    map $x $y { include huge; } server { include snippet; location / { include snippet; } } }\n\
                    stream { include more; }\n";
        let records = read(&[
            ("nginx.conf", main),
            ("servers/a", "server a1:1 weight=2; # the first\nserver a3:1 down;"),
            ("more", "upstream b { server b:1; }"),
        ]);
        let addresses: Vec<(String, String)> =
            records.expect("records").into_iter().map(|(pool, address, ..)| (pool, address)).collect();
        let pairs: Vec<(&str, &str)> = addresses.iter().map(|(pool, address)| (&**pool, &**address)).collect();
        assert_eq!(pairs, [("a", "a1:1"), ("a", "a3:1"), ("a", "a2:1"), ("b", "b:1"), ("b", "b:1")]);
        for broken in ["server x; }", "server x; {", "}"] {
            read(&[("nginx.conf", "upstream a { include x; }"), ("x", broken)]).expect_err(broken);
        }
    }

    #[test]
    fn a_brace_in_a_word_and_lua_close_nothing() {
        let main = "http { rewrite ^/a} /b; init_by_lua_block { -- don't\n x = '}' .. \"{\\\"}\" .. [[}']] if a then { b } end\n\
                    --[==[ }} ]] ' ]==]\n y = a[b[1]] - 1 }\n upstream a { server a:1; balancer_by_lua_block { f({}) }\n\
                    server b:1; } }";
        let records = read(&[("nginx.conf", main)]).expect("records");
        let addresses: Vec<&str> = records.iter().map(|record| record.1.as_str()).collect();
        assert_eq!(addresses, ["a:1", "b:1"]);
    }

    #[test]
    fn a_text_alone_reads_nothing_beside_it() {
        for pattern in ["/proc/*", "*", "/etc/passwd"] {
            let why = upstreams_of(format!("include {pattern};").as_bytes()).expect_err("no file may be read");
            assert!(why.contains("includes more than"), "{why}");
        }
    }

    #[test]
    fn what_is_broken_is_said_with_its_file() {
        for (text, words) in [
            ("http { upstream a { server x; }", "ends inside a block"),
            ("}", "closes a block that was not opened"),
            ("a 'b", "ends inside quotes"),
            ("include none.conf;", "no such file"),
            ("include nginx.conf;", "does one include itself?"),
            ("include [a.conf;", "includes `"),
            ("a_by_lua_block { '}", "ends inside a block of Lua"),
        ] {
            let why = read(&[("nginx.conf", text)]).expect_err(text);
            assert!(why.contains(words), "{text}: {why}");
        }
    }

    proptest! {
        #[test]
        fn whatever_is_in_it_does_not_panic(text in "(?s).{0,200}", words in "[a-z{}; \"'\\\\$*#\n]{0,120}") {
            let _ = tokens(&text);
            if let Ok(tokens) = tokens(&words) {
                let mut reader = Reader::new(PathBuf::from("/nowhere"), 0);
                let _ = reader.directives(&tokens);
            }
        }
    }
}
