//! `veloflux serve`: settings, bind, announce, run, drain.

mod manager;

use std::io::{self, IsTerminal};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::json;
use tokio::signal::unix::{Signal, SignalKind, signal};

pub(super) use manager::inherited;

use super::setup;
use crate::audit::{self, Broken, Record, Report};
use crate::cli::ServeArgs;
use crate::config::{self, Overrides, Settings};
use crate::exit::Exit;
use crate::feeds::World;
use crate::limits::LOG_FLUSH_TIMEOUT;
use crate::output::color::Wish;
use crate::output::stderr::Volume;
use crate::output::{Paint, Stdout, Talk};
use crate::rendezvous::{Announced, Rendezvous};
use crate::secret::Secret;
use crate::serve::admission::Admission;
use crate::serve::auth::{Armed, Guard};
use crate::serve::farewell::Farewell;
use crate::serve::reload::Reloader;
use crate::serve::{App, listener, routes};
use crate::shutdown::Shutdown;

/// What stops the server in place of a signal: a feed that would go on telling what is no longer so is worse than none.
const FAILURE: &str = "a failure";

/// Runs the server until it is told to stop.
pub(super) async fn run(args: ServeArgs, inherited: Result<Option<TcpListener>, String>) -> Exit {
    let talk = Talk { volume: Volume::Normal, paint: Paint::stderr(Wish::Auto), indent: 0 };
    if let Some(file) = &args.verify_audit {
        return verify_audit(file, talk);
    }
    let check_only = args.check_config;
    let inherited = match inherited {
        Ok(inherited) => inherited,
        Err(why) => {
            talk.error(&why);
            return Exit::Usage;
        }
    };
    let loaded = setup::token_variable().map_err(|failure| vec![failure.message]).and_then(|token| {
        let address = inherited.as_ref().and_then(|socket| socket.local_addr().ok());
        let overrides = overrides(args, token, address);
        match config::load(&overrides) {
            Ok(settings) => Ok((overrides, settings)),
            Err(error) => Err(error.problems().iter().map(ToString::to_string).collect()),
        }
    });
    let (overrides, settings) = match loaded {
        Ok(loaded) => loaded,
        Err(problems) => {
            problems.iter().for_each(|problem| talk.error(problem));
            return Exit::Usage;
        }
    };
    if check_only {
        settings.warnings.iter().for_each(|warning| talk.say(&format!("warning: {warning}")));
        let summary = config::Summary(&settings).to_string();
        return match Stdout::new().line(summary.trim_end()) {
            Ok(()) => Exit::Done,
            Err(error) => super::unwritten(talk, &error, Exit::Done),
        };
    }
    // Held to the end: the last lines leave before the process does.
    let _log = match crate::log::start(talk.paint) {
        Ok(log) => log,
        Err(error) => {
            talk.error(&error);
            return Exit::Usage;
        }
    };
    settings.warnings.iter().for_each(|warning| tracing::warn!("{warning}"));
    match serve(overrides, settings, inherited, talk).await {
        Ok(exit) => exit,
        Err(error) => {
            // A stderr that nobody reads must not keep a server that has failed.
            let said = tokio::task::spawn_blocking(move || talk.error(&format!("{error:#}")));
            let _ = tokio::time::timeout(LOG_FLUSH_TIMEOUT, said).await;
            Exit::Failed
        }
    }
}

/// Says whether an audit log is intact: yes or no on stdout, and by the exit code.
fn verify_audit(file: &Path, talk: Talk) -> Exit {
    let (line, exit) = match audit::verify(file) {
        Ok(report) => (intact(&report), Exit::Done),
        Err(broken @ Broken::Chain { .. }) => (format!("broken: {broken}"), Exit::Failed),
        Err(unreadable) => {
            talk.error(&unreadable.to_string());
            return Exit::Usage;
        }
    };
    Stdout::new().line(&line).map_or_else(|error| super::unwritten(talk, &error, exit), |()| exit)
}

fn intact(report: &Report) -> String {
    let files = if report.files.len() == 1 { "1 file".to_owned() } else { format!("{} files", report.files.len()) };
    let lines = if report.lines == 1 { "1 line".to_owned() } else { format!("{} lines", report.lines) };
    let mut text = format!("intact: {lines} in {files}");
    if let (Some(first), Some(last)) = (report.first, report.last) {
        text.push_str(&format!(", number {} of {first} to {} of {last}", report.first_seq, report.last_seq));
    }
    if report.first_seq > 1 {
        text.push_str("; older ones were rotated away");
    }
    if report.torn > 0 {
        text.push_str(&format!("; {} torn by a crash, and noted", report.torn));
    }
    if report.unfinished {
        text.push_str("; the last is not finished");
    }
    if report.lines > 0 {
        text.push_str(&format!("; the last hash is {}", report.hash));
    }
    text
}

async fn serve(
    overrides: Overrides,
    settings: Settings,
    inherited: Option<TcpListener>,
    talk: Talk,
) -> anyhow::Result<Exit> {
    let mut signals = Signals::new()?;
    let capacity = listener::capacity();
    let socket = match inherited {
        Some(socket) => tokio::net::TcpListener::from_std(socket)?,
        None => listener::bind(settings.listen).map_err(|error| unbindable(settings.listen, &error))?,
    };
    let address = socket.local_addr()?;
    let drain_timeout = settings.drain_timeout;
    let url = format!("{}://{address}", if settings.tls.is_some() { "https" } else { "http" });

    // Whatever measures and answers stops first; the connections go on until everybody has been told.
    let (work, connections) = (Shutdown::new(), Shutdown::new());
    let Armed { guard, token_file } = arm(&settings);
    let admission = Arc::new(Admission::new(&settings, capacity));
    let world = World::start(settings, &work);
    let reloader = Arc::new(Reloader::new(overrides, Arc::clone(&world), guard.roll()));
    let app = App::start(Arc::clone(&world), Arc::clone(&admission), guard, Arc::clone(&reloader), &work, &connections);
    let (watching, stop) = (Arc::clone(&reloader).watch(), work.clone());
    work.spawn(async move {
        tokio::select! {
            () = watching => {}
            () = manager::watchdog() => {}
            () = stop.begun() => {}
        }
    });
    let endpoint = routes::endpoint(&app);
    work.spawn(listener::accept(socket, endpoint, Arc::clone(&world), admission, work.clone()));
    world
        .audit
        .write(Record::of_server("start", json!({"version": env!("CARGO_PKG_VERSION"), "listen": address})))
        .await;
    let announced = rendezvous(&url, address, token_file.clone());
    // On a thread that may wait: whoever started us need not read, and the signals have to be heard all the same.
    let announcement = url.clone();
    tokio::task::spawn_blocking(move || announce(&announcement, address, token_file.as_deref(), talk));

    manager::ready(&url).await;

    let told = loop {
        let told = tokio::select! {
            told = signals.next() => told,
            () = work.failed() => FAILURE,
        };
        match told {
            HANGUP => {
                manager::reloading().await;
                reloader.reload_by(HANGUP).await;
                manager::ready(&url).await;
            }
            told => break told,
        }
    };
    let (farewell, exit) = match told {
        RESTART => (Farewell::restart(world.connections.get()), Exit::Done),
        // Whoever watches over us starts another.
        FAILURE => (Farewell::restart(world.connections.get()), Exit::Failed),
        _ => (Farewell::Stop, Exit::Done),
    };
    if exit == Exit::Failed {
        tracing::error!("what measures has panicked, which is a fault of this program; please report it");
    }
    tracing::info!(by = told, ?farewell, "stopping");
    manager::stopping().await;
    world.audit.write(Record::of_server("stop", json!({"by": told}))).await;
    let drained = tokio::select! {
        drained = tokio::time::timeout(drain_timeout, drain(&world, &app, farewell, &work, &connections)) => drained,
        again = signals.next_to_stop() => {
            tracing::warn!(signal = again, "told twice; leaving at once");
            drop(announced);
            return Ok(if again == "SIGINT" { Exit::Interrupted } else { Exit::Terminated });
        }
    };
    if drained.is_err() {
        tracing::warn!(
            connections = world.connections.get(),
            "the drain deadline has passed; cutting off what is left"
        );
    }
    drop(announced);
    Ok(exit)
}

/// No new connections, a close frame to every client, the ledger flushed, then wait for everybody to leave.
async fn drain(world: &Arc<World>, app: &App, farewell: Farewell, work: &Shutdown, connections: &Shutdown) {
    app.announce(farewell);
    work.begin();
    app.say_goodbye(farewell).await;
    if let Err(fault) = world.meter.book().await {
        tracing::error!(%fault, "usage since the last booking is lost");
    }
    connections.begin();
    tokio::join!(work.ended(), connections.ended());
}

/// The guard. Without a place for its token the server still measures and streams.
fn arm(settings: &Settings) -> Armed {
    Guard::arm(settings.auth.clone(), &settings.state_dir).unwrap_or_else(|error| {
        tracing::error!(
            %error,
            "no control token can be kept, so control is off; make the state directory writable or configure a token"
        );
        Guard::without_control(settings.auth.clone())
    })
}

fn unbindable(address: SocketAddr, error: &io::Error) -> anyhow::Error {
    let why = match error.kind() {
        io::ErrorKind::AddrInUse => "address in use; stop the other server or pass `--listen`",
        io::ErrorKind::AddrNotAvailable => "this machine has no such address; pass another with `--listen`",
        io::ErrorKind::PermissionDenied => {
            "not permitted; ports below 1024 need a privilege, pass another with `--listen`"
        }
        _ => return anyhow::anyhow!("cannot listen on {address}: {error}"),
    };
    anyhow::anyhow!("cannot listen on {address}: {why}")
}

/// One line on stdout for scripts; where to go from here on stderr for a person.
fn announce(url: &str, address: SocketAddr, token_file: Option<&Path>, talk: Talk) {
    // A stdout that nobody reads does not stop a server.
    if let Err(error) = Stdout::new().line(&format!("listening on {url}")) {
        tracing::warn!(%error, "the address was not announced");
    }
    tracing::info!(%address, version = env!("CARGO_PKG_VERSION"), "listening");
    if !io::stderr().is_terminal() {
        return;
    }
    let token = token_file.map_or_else(|| "as given in VELOFLUX_TOKEN".to_owned(), |path| path.display().to_string());
    let server = if url == "http://127.0.0.1:8080" { String::new() } else { format!(" --server {url}") };
    talk.say(&format!("  dashboard  {url}/"));
    talk.say(&format!("  token      {token}"));
    talk.say(&format!("  next       veloflux watch metrics{server}"));
}

/// Lets `veloflux control` of this user find the token. A server works without it.
fn rendezvous(url: &str, address: SocketAddr, token_file: Option<PathBuf>) -> Option<Announced> {
    let token_file = token_file.map(|path| std::path::absolute(&path).unwrap_or(path));
    let rendezvous = Rendezvous { pid: std::process::id(), url: url.to_owned(), token_file };
    let announced = rendezvous.announce(address.port());
    announced.inspect_err(|error| tracing::warn!(%error, "`veloflux control` will not find the token by itself")).ok()
}

fn overrides(args: ServeArgs, token: Option<Secret>, inherited: Option<SocketAddr>) -> Overrides {
    Overrides {
        config: args.config,
        listen: args.listen,
        state_dir: args.state_dir,
        node: args.node,
        token,
        token_file: args.token_file,
        tls_cert: args.tls_cert,
        tls_key: args.tls_key,
        inherited,
        feeds_public: args.feeds_public,
        allow_origins: args.allow_origin,
        backends: args.backend,
        sources: args.source,
        checks: args.check,
    }
}

/// The signals that a server hears.
struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
    restart: Signal,
}

/// The signal that has the settings read again.
const HANGUP: &str = "SIGHUP";

/// The signal that has the server leave because another is about to take its place. systemd sends it where the unit says
/// `RestartKillSignal=SIGUSR2`; of the signals that tell a server to stop it is the only one that says so much.
const RESTART: &str = "SIGUSR2";

impl Signals {
    fn new() -> io::Result<Signals> {
        Ok(Signals {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
            restart: signal(SignalKind::user_defined2())?,
        })
    }

    /// The name of the next one. Safe to drop.
    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.interrupt.recv() => "SIGINT",
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.hangup.recv() => HANGUP,
            _ = self.restart.recv() => RESTART,
        }
    }

    /// The name of the next one that tells us to stop. Safe to drop.
    async fn next_to_stop(&mut self) -> &'static str {
        loop {
            match self.next().await {
                HANGUP => {}
                told => return told,
            }
        }
    }
}
