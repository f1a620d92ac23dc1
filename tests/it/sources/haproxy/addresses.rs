//! Servers of HAProxy without a `host:port` of their own: at a socket of this machine, or at the port that the client asks
//! for. HAProxy checks them as any other; where it does not, nobody can. And servers that share an address.

use std::io::{Read, Write};
use std::os::unix::net::UnixListener;

use super::{More, Rig, settled, source};
use crate::sources::{backends, becomes, counted, request, serving};
use crate::support::{StubBackend, TestServer, free_port};

/// Answers 200 to everything at a socket of this machine, for as long as the tests run.
fn serve(listener: UnixListener) {
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            // Whoever hangs up first is a check that needs no more.
            let _ = stream.and_then(|mut stream| {
                let _ = stream.read(&mut [0; 4096])?;
                stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")
            });
        }
    });
}

/// A server for each way of reading, which has read this HAProxy. Where we check, it is over HTTP: a name would do for that.
fn readers(rig: &Rig) -> Vec<TestServer> {
    let urls = ["user", "operator"].map(|level| format!("unix://{}", rig.socket(level)));
    let urls = urls.into_iter().chain([format!("http://{}", rig.page())]);
    let servers: Vec<_> = urls.map(|url| serving(&format!("{}path = \"/\"\n", source(&url)))).collect();
    servers.iter().for_each(|server| settled(server, rig));
    servers
}

#[test]
fn a_server_at_a_socket_of_this_machine_goes_by_its_name() {
    let (folder, port) = (tempfile::tempdir().expect("a folder"), free_port());
    let (live, gone) = (folder.path().join("live.sock"), folder.path().join("gone.sock"));
    serve(UnixListener::bind(&live).expect("a socket of ours"));
    let (live, gone) = (live.display(), gone.display());
    let sockets = format!(
        "frontend local\n  bind 127.0.0.1:{port}\n  default_backend sockets\n\
         backend sockets\n  option httpchk GET /\n  default-server inter 200ms fastinter 100ms fall 2 rise 1\n\
         \x20 server live unix@{live} check weight 5\n  server same {live} check\n  server gone unix@{gone} check\n\
         \x20 server localhost {live}\n"
    );
    let rig = Rig::with(More { statistics: "  stats show-legends\n", backends: &sockets });
    let servers = readers(&rig);
    for server in &servers {
        let (shown, _) = becomes(server, "live", &[("status", "healthy"), ("state", "UP"), ("pool", "sockets")]);
        assert_eq!(shown["weight"], 5, "{shown}");
        becomes(server, "same", &[("status", "healthy"), ("state", "UP"), ("pool", "sockets")]);
        let (shown, _) = becomes(server, "gone", &[("status", "unhealthy"), ("state", "DOWN"), ("admin", "enabled")]);
        assert!(shown["detail"].as_str().is_some_and(|why| why.contains("No such file")), "{shown}");
        // Its name would lead somewhere, but not there.
        let why = "HAProxy does not check it, and we do not know its address";
        becomes(server, "localhost", &[("status", "unknown"), ("state", "no check"), ("detail", why)]);
        assert_eq!(backends(server).len(), 3 + 4);
        assert_eq!(rig.tell("set server sockets/localhost state drain").trim(), "");
        becomes(server, "localhost", &[("status", "unknown"), ("admin", "draining"), ("detail", why)]);
        assert_eq!(rig.tell("set server sockets/localhost state ready").trim(), "");
    }
    request(port, 4);
    servers.iter().for_each(|server| counted(server, 4));
}

#[test]
fn a_server_without_a_port_of_its_own_is_not_checked_by_us() {
    let stub = StubBackend::start();
    let address = stub.address();
    let (_, port) = address.rsplit_once(':').expect("host and port");
    let ports = format!(
        "backend ports\n  default-server inter 200ms fastinter 100ms fall 2 rise 1\n\
         \x20 server none 127.0.0.1\n  server zero 127.0.0.1:0\n  server less 127.0.0.1:-1\n\
         \x20 server known 127.0.0.1 check port {port}\n  server dead 127.0.0.1:0 check port 1\n"
    );
    let rig = Rig::with(More { statistics: "  stats show-legends\n", backends: &ports });
    for server in readers(&rig) {
        let why = "HAProxy does not check it, and we do not know its port";
        let unknown = [("status", "unknown"), ("state", "no check"), ("detail", why), ("pool", "ports")];
        // The first has the address, and those after it their names, because an address stands in a pool once.
        for name in ["127.0.0.1:0", "zero"] {
            becomes(&server, name, &unknown);
        }
        let all = backends(&server);
        let less = all.iter().filter(|backend| backend["detail"] == why).count();
        assert_eq!((less, all.len()), (3, 3 + 5), "{all:?}");
        becomes(&server, "known", &[("status", "healthy"), ("state", "UP")]);
        becomes(&server, "dead", &[("status", "unhealthy"), ("state", "DOWN")]);
    }
}

#[test]
fn of_servers_that_share_an_address_the_first_is_checked_there_and_none_by_its_name() {
    let stub = StubBackend::start();
    let address = stub.address();
    let twins = format!("backend twins\n  server one {address}\n  server localhost {address}\n");
    let rig = Rig::with(More { statistics: "  stats show-legends\n", backends: &twins });
    let why = format!("another one of its pool is checked at `{address}`, which is its address, too");
    for server in readers(&rig) {
        becomes(&server, &address, &[("status", "healthy"), ("state", "up"), ("pool", "twins")]);
        becomes(&server, "localhost", &[("status", "unknown"), ("state", "unchecked"), ("detail", &why)]);
        assert_eq!(backends(&server).len(), 3 + 2);
    }
}
