//! The example settings file: every key there is, with its default or a typical value.

/// A complete settings file with comments, for documentation.
pub const EXAMPLE: &str = r#"# Every setting of `veloflux serve`. All of them may be left out.

[server]
listen = "127.0.0.1:8080"
state_dir = "/var/lib/veloflux"         # the ledger and the generated token; default: the user's state directory
node = "edge-1"                         # default: the host name
allowed_origins = ["https://ops.example.com"]  # browser pages let in beside our own and local ones
drain_timeout = "5s"
hosts = ["fleet.example.com"]           # names it may be called by when it listens on this machine only, beside local ones
trusted_proxies = ["10.0.0.0/8"]        # whose `X-Forwarded-For`, `X-Forwarded-Proto` and `Forwarded` count
# requests_source = "edge"              # whose requests are metered; `self`, or a source; default: all sources that count

# [tls]                                 # read again when a file changes; connections stay
# cert = "/etc/veloflux/cert.pem"       # the server's own, then those of its authorities
# key = "/etc/veloflux/key.pem"
# client_ca = "/etc/veloflux/clients.pem"  # whose certificates clients have to show
# client_certificates = "required"      # or `optional`

[limits]                                # an address is one of IPv4, or a /64 of IPv6
# connections = 10000                   # default: as many as there are descriptors for
connections_per_address = 1000          # where these two are left out, this machine is not held to them
handshakes_per_second = 5000            # of WebSocket, lasting; twice as many at once
handshakes_per_second_per_address = 100

[auth]
# token_file = "/etc/veloflux/token"    # the control token; default: VELOFLUX_TOKEN, else one is generated
# feed_token_file = "/etc/veloflux/feed-token"  # whoever reads a feed has to present this
# tokens_file = "/etc/veloflux/tokens"  # static tokens: lines of `<SHA-256 in hex> <viewer|operator|admin> <name>`;
                                        # read again when it changes: what stands on a token that is gone is closed
# query_tokens = false                  # `true` takes `?token=…`, which may end up in the logs of proxies
feeds_public = false                    # `true` to listen beyond this machine without a feed token

# [auth.jwt]                            # JSON Web Tokens; then the feeds want a token, too
# algorithms = ["EdDSA"]                # HS256, RS256, ES256, EdDSA: what a token says of itself decides nothing
# key_file = "/etc/veloflux/jwt.pem"    # one public key (for HS256 the secret), or a key set:
# jwks_file = "/etc/veloflux/jwks.json"
# jwks_url = "https://id.example.com/.well-known/jwks.json"
# audience = "veloflux"
# issuer = "https://id.example.com/"

[audit]                                 # who did what to this server, one JSON object a line, chained by hashes
enabled = true
# file = "/var/log/veloflux/audit.jsonl"  # default: in the state directory

[billing]
unit = "thousand requests"
requests_per_unit = 1000
unit_price = "0.05"                     # per unit past the included ones
included = "100"                        # units a month
base_fee = "10"                         # a month
currency = "USD"
time_zone = "America/Sao_Paulo"         # whose calendar months are billed; default: UTC

[[pool]]
name = "web"
min_healthy = 1                         # fewer passing backends than this and the fleet is unhealthy,
critical = true                         # or degraded, if the pool is not critical
backends = ["127.0.0.1:8081", { address = "127.0.0.1:8082", weight = 3 }]

[pool.check]                            # without this table: a tcp connect
kind = "http"
path = "/healthz"
method = "GET"
status = ["200-299", 304]
body = "ok"                             # has to stand in the answer
body_matches = "^\\{.*ready"             # a regular expression that it matches
json_pointer = "/status"                # a place in it (RFC 6901), and what has to stand there;
json_value = "ok"                       # without: anything but `null` and `false`
host = "app.example.com"
interval = "5s"
fast_interval = "1s"                    # while a change is being confirmed
timeout = "2s"
rise = 2                                # passes in a row until healthy
fall = 3                                # failures in a row until unhealthy
degraded_above = "500ms"

# [[source]]                            # backends, and request counts, that somebody else knows
# name = "edge"
# kind = "haproxy"                      # haproxy, nginx, caddy, envoy, traefik, prometheus, dns, file, push
# url = "unix:///run/haproxy/admin.sock"
# interval = "2s"
# timeout = "2s"
# min_healthy = 1                       # of each of its pools
# critical = true
# [source.check]                        # for backends that the source does not check itself; as `[pool.check]`
# path = "/healthz"

[[check]]
name = "database"
url = "postgres://app@127.0.0.1/app"
# password_file = "/etc/veloflux/pg"
critical = true
interval = "15s"

[[check]]
name = "certificate"
url = "tls://shop.example.com:443"      # the chain, the host name, and the days left
warn_days = 21                          # fewer are degraded,
critical_days = 7                       # fewer than these unhealthy

[[check]]
name = "mail"
url = "tcp://127.0.0.1:25"
send = "NOOP\r\n"                       # once the connection stands
expect = "220 "                         # has to stand in what comes

[[check]]
name = "feed"
url = "wss://127.0.0.1:8443/feed"       # a handshake,
message_type = "status"                 # and a first message of this `type`

[[check]]
name = "disk"
command = ["/usr/lib/nagios/plugins/check_disk", "-w", "10%"]  # exit code 0, 1, 2, 3: healthy, degraded, unhealthy, unknown

[[check]]
name = "external_apis"
url = "https://api.example.com/status"
server_name = "api.example.com"         # in the certificate; default: `host`, else the host of the URL
# cacert = "/etc/veloflux/ca.pem"       # trusted beside the system's certificates
insecure = false                        # `true` accepts any certificate
critical = false
"#;
