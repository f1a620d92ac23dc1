//! A real terminal: tmux plays it, so that what is looked at is what a person sees.

use std::path::Path;
use std::process::Command;

use rustix::process::Signal;
use tempfile::TempDir;

use super::wait::{PATIENCE, eventually};

/// A terminal in which a command runs between two looks at the terminal's settings.
pub(crate) struct Terminal {
    socket: TempDir,
}

impl Terminal {
    /// Runs a line of shell, in the places of `home`, on so many columns and lines.
    pub(crate) fn running(home: &Path, (width, height): (u16, u16), line: &str) -> Terminal {
        let terminal = Terminal { socket: TempDir::with_prefix("veloflux-tmux-").expect("a temporary directory") };
        // `cat` keeps the terminal open when it is over.
        let places = home.display();
        let script = format!(
            "echo before; stty -g > {places}/stty-before; {line}; echo exit=$?; stty -g > {places}/stty-after; cat"
        );
        let (width, height) = (width.to_string(), height.to_string());
        terminal.tmux(&["new-session", "-d", "-x", &width, "-y", &height, "bash", "-c", &script], Some(home));
        terminal
    }

    fn tmux(&self, args: &[&str], home: Option<&Path>) -> String {
        let mut command = Command::new("tmux");
        command.args(["-u", "-f", "/dev/null", "-L", "test"]).args(args);
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("TMUX_TMPDIR", self.socket.path()).env("LANG", "C.UTF-8");
        if let Some(home) = home {
            command.env("HOME", home).env("XDG_RUNTIME_DIR", home).env("XDG_STATE_HOME", home.join("state"));
        }
        let done = command.output().expect("tests/run installs tmux");
        assert!(done.status.success(), "{args:?}: {}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8_lossy(&done.stdout).into_owned()
    }

    pub(crate) fn press(&self, key: &str) {
        self.tmux(&["send-keys", key], None);
    }

    /// Types a text, letter by letter.
    pub(crate) fn types(&self, text: &str) {
        self.tmux(&["send-keys", "-l", text], None);
    }

    pub(crate) fn resize(&self, width: u16, height: u16) {
        self.tmux(&["resize-window", "-x", &width.to_string(), "-y", &height.to_string()], None);
    }

    pub(crate) fn screen(&self) -> String {
        self.tmux(&["capture-pane", "-p"], None)
    }

    /// The screen with its colours.
    pub(crate) fn painted(&self) -> String {
        self.tmux(&["capture-pane", "-p", "-e"], None)
    }

    /// Waits until the screen shows all of these, and gives it.
    pub(crate) fn shows(&self, words: &[&str]) -> String {
        eventually(PATIENCE, || {
            let screen = self.screen();
            match words.iter().find(|word| !screen.contains(**word)) {
                None => Ok(screen),
                Some(missing) => Err(format!("no {missing:?} in\n{screen}")),
            }
        })
    }

    /// What tmux knows about the terminal.
    pub(crate) fn knows(&self, what: &str) -> String {
        self.tmux(&["display-message", "-p", what], None).trim().to_owned()
    }

    /// The process that runs on the terminal.
    pub(crate) fn program(&self) -> rustix::process::Pid {
        let shell = self.knows("#{pane_pid}");
        let children = std::fs::read_to_string(format!("/proc/{shell}/task/{shell}/children")).expect("a shell");
        let child = children.split_whitespace().next().expect("it runs something").parse().expect("a number");
        rustix::process::Pid::from_raw(child).expect("above zero")
    }

    pub(crate) fn signal(&self, signal: Signal) {
        rustix::process::kill_process(self.program(), signal).expect("a process of ours");
    }

    /// Waits until the command has ended with this exit code and looks whether the terminal is as it was.
    pub(crate) fn ended(&self, home: &Path, code: i32) -> String {
        let screen = self.shows(&["before", &format!("exit={code}")]);
        let settings = |name: &str| {
            eventually(PATIENCE, || {
                let text = std::fs::read_to_string(home.join(name)).unwrap_or_default();
                if text.is_empty() { Err(format!("no {name}")) } else { Ok(text) }
            })
        };
        assert_eq!(settings("stty-after"), settings("stty-before"));
        let terminal = self.knows("alternate=#{alternate_on} cursor=#{cursor_flag} keypad=#{keypad_flag}");
        assert_eq!(terminal, "alternate=0 cursor=1 keypad=0", "{screen}");
        screen
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.tmux(&["kill-server"], None);
    }
}
