# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_veloflux_global_optspecs
    string join \n h/help V/version
end

function __fish_veloflux_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_veloflux_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_veloflux_using_subcommand
    set -l cmd (__fish_veloflux_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c veloflux -n "__fish_veloflux_needs_command" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c veloflux -n "__fish_veloflux_needs_command" -s V -l version -d 'Print version'
complete -c veloflux -n "__fish_veloflux_needs_command" -f -a "serve" -d 'Measure a fleet and stream it'
complete -c veloflux -n "__fish_veloflux_needs_command" -f -a "watch" -d 'Follow feeds, one line a message'
complete -c veloflux -n "__fish_veloflux_needs_command" -f -a "probe" -d 'Try feeds and URLs once, and time every phase'
complete -c veloflux -n "__fish_veloflux_needs_command" -f -a "control" -d 'Ask a server to update or pause its feeds, drain a backend, or read its settings again'
complete -c veloflux -n "__fish_veloflux_using_subcommand serve" -s c -l config -d 'Settings file (TOML)' -r -F
complete -c veloflux -n "__fish_veloflux_using_subcommand serve" -l verify-audit -d 'Follow an audit log from its first line to its last, say whether it is intact, and leave' -r -F
complete -c veloflux -n "__fish_veloflux_using_subcommand serve" -s l -l listen -d 'Where to listen; port 0 takes a free one' -r -f
complete -c veloflux -n "__fish_veloflux_using_subcommand serve" -l state-dir -d 'Where the ledger and the generated token live' -r -f -a "(__fish_complete_directories)"
complete -c veloflux -n "__fish_veloflux_using_subcommand serve" -l node -d 'Name of this node in the `status` feed' -r -f
complete -c veloflux -n "__fish_veloflux_using_subcommand serve" -l token-file -d 'File that holds the control token' -r -F
complete -c veloflux -n "__fish_veloflux_using_subcommand serve" -l tls-cert -d 'Speak TLS with this certificate (PEM: the server\'s own, then those of its authorities)' -r -F
complete -c veloflux -n "__fish_veloflux_using_subcommand serve" -l tls-key -d 'The key of the certificate (PEM)' -r -F
complete -c veloflux -n "__fish_veloflux_using_subcommand serve" -l allow-origin -d 'Browser origin to let in beside the own and loopback ones; repeat it for several' -r -f
complete -c veloflux -n "__fish_veloflux_using_subcommand serve" -s b -l backend -d 'Backend to check: host:port by TCP, an http(s) URL by request; repeat it for several' -r -f
complete -c veloflux -n "__fish_veloflux_using_subcommand serve" -l source -d 'Source of backends: a load balancer, registry or file, like haproxy+unix:///run/haproxy.sock; repeat it for several' -r -f
complete -c veloflux -n "__fish_veloflux_using_subcommand serve" -l check -d 'Dependency to check: http(s), tcp, redis or postgres URL; repeat it for several' -r -f
complete -c veloflux -n "__fish_veloflux_using_subcommand serve" -l check-config -d 'Read the settings, say what they come to, and leave'
complete -c veloflux -n "__fish_veloflux_using_subcommand serve" -l feeds-public -d 'Let everybody who can connect read the feeds, also beyond loopback'
complete -c veloflux -n "__fish_veloflux_using_subcommand serve" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c veloflux -n "__fish_veloflux_using_subcommand watch" -s n -l count -d 'Leave after N messages of each feed' -r -f
complete -c veloflux -n "__fish_veloflux_using_subcommand watch" -s d -l duration -d 'Leave after this time' -r -f
complete -c veloflux -n "__fish_veloflux_using_subcommand watch" -l timeout -d 'Fail (124) if what is waited for has not come in this time; needs --count or --until' -r -f
complete -c veloflux -n "__fish_veloflux_using_subcommand watch" -l until -d 'Leave (0) when this holds, for example `healthy` or `.state.metrics.cpu < 50`' -r -f
complete -c veloflux -n "__fish_veloflux_using_subcommand watch" -l stable-for -d 'How long it has to hold without a break' -r -f
complete -c veloflux -n "__fish_veloflux_using_subcommand watch" -l fail-if -d 'Fail (1) at once when this holds, and at the end if it never had an answer' -r -f
complete -c veloflux -n "__fish_veloflux_using_subcommand watch" -l format -d 'How messages are written' -r -f -a "text\t'One line a message, for people'
json\t'One JSON record a line, for programs'
raw\t'The server\'s own bytes, one message a line'"
complete -c veloflux -n "__fish_veloflux_using_subcommand watch" -l select -d 'Write these values of each message only, for example `.data.cpu` or `.state.backends[].status`' -r -f
complete -c veloflux -n "__fish_veloflux_using_subcommand watch" -l max-rate -d 'Write at most so many messages of each feed, for example `2/s`: the newest wins, the rest is counted' -r -f
complete -c veloflux -n "__fish_veloflux_using_subcommand watch" -l stale-after -d 'Silence of a feed that is too long: so many of its cadences, for example `3x`, or a duration' -r -f
complete -c veloflux -n "__fish_veloflux_using_subcommand watch" -l on-stale -d 'What to do then, beside saying so' -r -f -a "warn\t'Nothing more'
reconnect\t'Give the connection up and make another'
fail\t'Fail (1)'"
complete -c veloflux -n "__fish_veloflux_using_subcommand watch" -l record -d 'Record everything that happens to a new file' -r -F
complete -c veloflux -n "__fish_veloflux_using_subcommand watch" -l replay -d 'Watch a recording instead of a server: all of it, or the feeds that are named' -r -F
complete -c veloflux -n "__fish_veloflux_using_subcommand watch" -l speed -d 'How fast to replay: a factor from 0.01 to 1000, or `max`' -r -f
complete -c veloflux -n "__fish_veloflux_using_subcommand watch" -l exec -d 'Shell command to run when something happens, with the event as JSON on its standard input; killed after 30 s' -r -f -a "(__fish_complete_command)"
complete -c veloflux -n "__fish_veloflux_using_subcommand watch" -l notify -d 'http(s) URL to post the event to, as JSON' -r -f
complete -c veloflux -n "__fish_veloflux_using_subcommand watch" -l on -d 'What is worth it, separated by commas' -r -f -a "open\t'A connection was made'
lost\t'A connection was lost, or cannot be made'
stale\t'A feed is silent for too long'
gap\t'Messages were never seen'
invalid\t'Something arrived that is no message'
until\t'What was waited for holds'
fail\t'What must not hold does'"
complete -c veloflux -n "__fish_veloflux_using_subcommand watch" -l cooldown -d 'Shortest time between two alerts of one kind for one feed' -r -f
complete -c veloflux -n "__fish_veloflux_using_subcommand watch" -l max-attempts -d 'Tries in a row to connect again, 0 for ever; a connection that held starts the count anew' -r -f
complete -c veloflux -n "__fish_veloflux_using_subcommand watch" -l base-delay -d 'Delay before the first try' -r -f
complete -c veloflux -n "__fish_veloflux_using_subcommand watch" -l max-delay -d 'Longest delay' -r -f
complete -c veloflux -n "__fish_veloflux_using_subcommand watch" -l backoff-factor -d 'What each delay is multiplied by, from 1 to 100' -r -f
complete -c veloflux -n "__fish_veloflux_using_subcommand watch" -l jitter -d 'How delays are spread: equal = half to whole, full = nothing to whole' -r -f -a "equal\t'Between half of the delay and all of it'
full\t'Between nothing and all of it'
none\t'Exactly the delay'"
complete -c veloflux -n "__fish_veloflux_using_subcommand watch" -l ping-interval -d 'Time between two pings' -r -f
complete -c veloflux -n "__fish_veloflux_using_subcommand watch" -l ping-timeout -d 'Longest wait for the answer to a ping' -r -f
complete -c veloflux -n "__fish_veloflux_using_subcommand watch" -l max-missed-pings -d 'Pings in a row without a sign of life that end the connection' -r -f
complete -c veloflux -n "__fish_veloflux_using_subcommand watch" -l ping-mode -d 'How to ping: a WebSocket ping frame, or a JSON message' -r -f -a "frame\t'A ping frame'
message\t'`{"type":"ping","timestamp":…}`'"
complete -c veloflux -n "__fish_veloflux_using_subcommand watch" -s s -l server -d 'Address of a server; repeat it for several nodes. http and ws, https and wss mean the same [default: http://127.0.0.1:8080]' -r -f
complete -c veloflux -n "__fish_veloflux_using_subcommand watch" -l token-file -d 'File that holds the token, `-` for standard input' -r -F
complete -c veloflux -n "__fish_veloflux_using_subcommand watch" -s H -l header -d 'Header to send with every request; repeat it for several' -r -f
complete -c veloflux -n "__fish_veloflux_using_subcommand watch" -l cacert -d 'PEM file of certificates to trust beside those of the system' -r -F
complete -c veloflux -n "__fish_veloflux_using_subcommand watch" -l cert -d 'PEM file of the client certificate' -r -F
complete -c veloflux -n "__fish_veloflux_using_subcommand watch" -l key -d 'PEM file of the client certificate\'s key' -r -F
complete -c veloflux -n "__fish_veloflux_using_subcommand watch" -l resolve -d 'Connect to ADDRESS in place of what HOST resolves to, and without a proxy; repeat it for several' -r -f
complete -c veloflux -n "__fish_veloflux_using_subcommand watch" -l connect-timeout -d 'Longest time to connect: name lookup, TCP, TLS and upgrade together [default: 10s]' -r -f
complete -c veloflux -n "__fish_veloflux_using_subcommand watch" -l color -d 'When to colour [default: auto]' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` or `TERM=dumb` says otherwise'
always\t'Always'
never\t'Never'"
complete -c veloflux -n "__fish_veloflux_using_subcommand watch" -l json -d 'The same as `--format json`'
complete -c veloflux -n "__fish_veloflux_using_subcommand watch" -l changes -d 'Write only what changed, old -> new'
complete -c veloflux -n "__fish_veloflux_using_subcommand watch" -l dashboard -d 'All feeds of one server on a full screen; `?` shows the keys'
complete -c veloflux -n "__fish_veloflux_using_subcommand watch" -l no-reconnect -d 'Leave when the connection is lost'
complete -c veloflux -n "__fish_veloflux_using_subcommand watch" -s k -l insecure -d 'Do not verify the server\'s certificate, and let a token travel in the clear'
complete -c veloflux -n "__fish_veloflux_using_subcommand watch" -l no-compression -d 'Do not offer to take messages compressed'
complete -c veloflux -n "__fish_veloflux_using_subcommand watch" -s q -l quiet -d 'Say nothing but results and errors'
complete -c veloflux -n "__fish_veloflux_using_subcommand watch" -s v -l verbose -d 'Say more about what happens on the way'
complete -c veloflux -n "__fish_veloflux_using_subcommand watch" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c veloflux -n "__fish_veloflux_using_subcommand probe" -s n -l count -d 'Probe each target so many times; its times are the slowest, its pings those of all runs' -r -f
complete -c veloflux -n "__fish_veloflux_using_subcommand probe" -s i -l interval -d 'Pause between two runs, and between two tries of `--wait`' -r -f
complete -c veloflux -n "__fish_veloflux_using_subcommand probe" -l pings -d 'Pings to send to each WebSocket' -r -f
complete -c veloflux -n "__fish_veloflux_using_subcommand probe" -l messages -d 'Messages to wait for; more than 1 checks the cadence, too. The schema of each message of a feed is always checked' -r -f
complete -c veloflux -n "__fish_veloflux_using_subcommand probe" -l parallel -d 'Targets that are tried at the same moment' -r -f
complete -c veloflux -n "__fish_veloflux_using_subcommand probe" -l wait -d 'Try again until the target passes, at most so long; 401, 403 and 404 fail at once' -r -f
complete -c veloflux -n "__fish_veloflux_using_subcommand probe" -l timeout -d 'Fail (124) what is not over in this time [default: 30s a run, and what --messages and --conformance take]' -r -f
complete -c veloflux -n "__fish_veloflux_using_subcommand probe" -l expect -d 'Fail (1) unless this holds for each message that comes, as in `.data.cpu < 90` or `healthy`; repeat it for several' -r -f
complete -c veloflux -n "__fish_veloflux_using_subcommand probe" -s c -l critical -l budget -d 'Fail (1) past these limits, as in `first_message=500ms,loss=0%,cert_days=14`' -r -f -a "dns\t''
tcp\t''
tls\t''
upgrade\t''
first_message\t''
rtt_p50\t''
rtt_p95\t''
rtt_p99\t''
close\t''
total\t''
loss\t''
cert_days\t''
token_ttl\t''
cadence\t''"
complete -c veloflux -n "__fish_veloflux_using_subcommand probe" -s w -l warning -d 'Warn past these limits, or without what they are for; the keys of `--critical`. A warning is exit code 0, for Nagios 1' -r -f -a "dns\t''
tcp\t''
tls\t''
upgrade\t''
first_message\t''
rtt_p50\t''
rtt_p95\t''
rtt_p99\t''
close\t''
total\t''
loss\t''
cert_days\t''
token_ttl\t''
cadence\t''"
complete -c veloflux -n "__fish_veloflux_using_subcommand probe" -l format -d 'How the report is written' -r -f -a "text\t'A table for people'
json\t'One JSON document'
nagios\t'A monitoring plugin\'s line and exit codes (0, 1, 2, 3)'
prometheus\t'Samples for the textfile collector of node_exporter'
junit\t'JUnit XML'
tap\t'Test Anything Protocol, version 13'
github\t'Annotations of GitHub Actions'"
complete -c veloflux -n "__fish_veloflux_using_subcommand probe" -l report -d 'Write the report to a file as well, as in `junit=probe.xml`; repeat it for several' -r -f -a "text\t'A table for people'
json\t'One JSON document'
nagios\t'A monitoring plugin\'s line and exit codes (0, 1, 2, 3)'
prometheus\t'Samples for the textfile collector of node_exporter'
junit\t'JUnit XML'
tap\t'Test Anything Protocol, version 13'
github\t'Annotations of GitHub Actions'"
complete -c veloflux -n "__fish_veloflux_using_subcommand probe" -s s -l server -d 'Address of a server; repeat it for several nodes. http and ws, https and wss mean the same [default: http://127.0.0.1:8080]' -r -f
complete -c veloflux -n "__fish_veloflux_using_subcommand probe" -l token-file -d 'File that holds the token, `-` for standard input' -r -F
complete -c veloflux -n "__fish_veloflux_using_subcommand probe" -s H -l header -d 'Header to send with every request; repeat it for several' -r -f
complete -c veloflux -n "__fish_veloflux_using_subcommand probe" -l cacert -d 'PEM file of certificates to trust beside those of the system' -r -F
complete -c veloflux -n "__fish_veloflux_using_subcommand probe" -l cert -d 'PEM file of the client certificate' -r -F
complete -c veloflux -n "__fish_veloflux_using_subcommand probe" -l key -d 'PEM file of the client certificate\'s key' -r -F
complete -c veloflux -n "__fish_veloflux_using_subcommand probe" -l resolve -d 'Connect to ADDRESS in place of what HOST resolves to, and without a proxy; repeat it for several' -r -f
complete -c veloflux -n "__fish_veloflux_using_subcommand probe" -l connect-timeout -d 'Longest time to connect: name lookup, TCP, TLS and upgrade together [default: 10s]' -r -f
complete -c veloflux -n "__fish_veloflux_using_subcommand probe" -l color -d 'When to colour [default: auto]' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` or `TERM=dumb` says otherwise'
always\t'Always'
never\t'Never'"
complete -c veloflux -n "__fish_veloflux_using_subcommand probe" -l conformance -d 'Send broken frames to the named targets, to see whether the server keeps to RFC 6455'
complete -c veloflux -n "__fish_veloflux_using_subcommand probe" -l json -d 'The same as `--format json`'
complete -c veloflux -n "__fish_veloflux_using_subcommand probe" -s k -l insecure -d 'Do not verify the server\'s certificate, and let a token travel in the clear'
complete -c veloflux -n "__fish_veloflux_using_subcommand probe" -l no-compression -d 'Do not offer to take messages compressed'
complete -c veloflux -n "__fish_veloflux_using_subcommand probe" -s q -l quiet -d 'Say nothing but results and errors'
complete -c veloflux -n "__fish_veloflux_using_subcommand probe" -s v -l verbose -d 'Say more about what happens on the way'
complete -c veloflux -n "__fish_veloflux_using_subcommand probe" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and not __fish_seen_subcommand_from force-update pause resume check reload drain maintenance enable weight" -l timeout -d 'Fail (124) if there is no answer in this time' -r -f
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and not __fish_seen_subcommand_from force-update pause resume check reload drain maintenance enable weight" -l format -d 'How the answer is written' -r -f -a "text\t'For people'
json\t'For programs'"
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and not __fish_seen_subcommand_from force-update pause resume check reload drain maintenance enable weight" -s s -l server -d 'Address of a server; repeat it for several nodes. http and ws, https and wss mean the same [default: http://127.0.0.1:8080]' -r -f
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and not __fish_seen_subcommand_from force-update pause resume check reload drain maintenance enable weight" -l token-file -d 'File that holds the token, `-` for standard input' -r -F
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and not __fish_seen_subcommand_from force-update pause resume check reload drain maintenance enable weight" -s H -l header -d 'Header to send with every request; repeat it for several' -r -f
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and not __fish_seen_subcommand_from force-update pause resume check reload drain maintenance enable weight" -l cacert -d 'PEM file of certificates to trust beside those of the system' -r -F
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and not __fish_seen_subcommand_from force-update pause resume check reload drain maintenance enable weight" -l cert -d 'PEM file of the client certificate' -r -F
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and not __fish_seen_subcommand_from force-update pause resume check reload drain maintenance enable weight" -l key -d 'PEM file of the client certificate\'s key' -r -F
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and not __fish_seen_subcommand_from force-update pause resume check reload drain maintenance enable weight" -l resolve -d 'Connect to ADDRESS in place of what HOST resolves to, and without a proxy; repeat it for several' -r -f
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and not __fish_seen_subcommand_from force-update pause resume check reload drain maintenance enable weight" -l connect-timeout -d 'Longest time to connect: name lookup, TCP, TLS and upgrade together [default: 10s]' -r -f
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and not __fish_seen_subcommand_from force-update pause resume check reload drain maintenance enable weight" -l color -d 'When to colour [default: auto]' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` or `TERM=dumb` says otherwise'
always\t'Always'
never\t'Never'"
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and not __fish_seen_subcommand_from force-update pause resume check reload drain maintenance enable weight" -l dry-run -d 'Show the request with the token redacted, and send nothing'
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and not __fish_seen_subcommand_from force-update pause resume check reload drain maintenance enable weight" -l json -d 'The same as `--format json`'
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and not __fish_seen_subcommand_from force-update pause resume check reload drain maintenance enable weight" -s k -l insecure -d 'Do not verify the server\'s certificate, and let a token travel in the clear'
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and not __fish_seen_subcommand_from force-update pause resume check reload drain maintenance enable weight" -l no-compression -d 'Do not offer to take messages compressed'
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and not __fish_seen_subcommand_from force-update pause resume check reload drain maintenance enable weight" -s q -l quiet -d 'Say nothing but results and errors'
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and not __fish_seen_subcommand_from force-update pause resume check reload drain maintenance enable weight" -s v -l verbose -d 'Say more about what happens on the way'
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and not __fish_seen_subcommand_from force-update pause resume check reload drain maintenance enable weight" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and not __fish_seen_subcommand_from force-update pause resume check reload drain maintenance enable weight" -f -a "force-update" -d 'Measure afresh and send now, paused or not'
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and not __fish_seen_subcommand_from force-update pause resume check reload drain maintenance enable weight" -f -a "pause" -d 'Stop the regular messages of a feed'
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and not __fish_seen_subcommand_from force-update pause resume check reload drain maintenance enable weight" -f -a "resume" -d 'Let the regular messages of a feed go on'
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and not __fish_seen_subcommand_from force-update pause resume check reload drain maintenance enable weight" -f -a "check" -d 'Ask what is paused; changes nothing'
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and not __fish_seen_subcommand_from force-update pause resume check reload drain maintenance enable weight" -f -a "reload" -d 'Have the server read its settings again'
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and not __fish_seen_subcommand_from force-update pause resume check reload drain maintenance enable weight" -f -a "drain" -d 'Let a backend finish what it has, and give it nothing new'
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and not __fish_seen_subcommand_from force-update pause resume check reload drain maintenance enable weight" -f -a "maintenance" -d 'Take a backend out of service'
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and not __fish_seen_subcommand_from force-update pause resume check reload drain maintenance enable weight" -f -a "enable" -d 'Let a backend work again, and withdraw what was ordered of it'
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and not __fish_seen_subcommand_from force-update pause resume check reload drain maintenance enable weight" -f -a "weight" -d 'Give a backend another share of the traffic'
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and __fish_seen_subcommand_from force-update" -l timeout -d 'Fail (124) if there is no answer in this time' -r -f
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and __fish_seen_subcommand_from force-update" -l format -d 'How the answer is written' -r -f -a "text\t'For people'
json\t'For programs'"
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and __fish_seen_subcommand_from force-update" -s s -l server -d 'Address of a server; repeat it for several nodes. http and ws, https and wss mean the same [default: http://127.0.0.1:8080]' -r -f
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and __fish_seen_subcommand_from force-update" -l token-file -d 'File that holds the token, `-` for standard input' -r -F
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and __fish_seen_subcommand_from force-update" -s H -l header -d 'Header to send with every request; repeat it for several' -r -f
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and __fish_seen_subcommand_from force-update" -l cacert -d 'PEM file of certificates to trust beside those of the system' -r -F
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and __fish_seen_subcommand_from force-update" -l cert -d 'PEM file of the client certificate' -r -F
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and __fish_seen_subcommand_from force-update" -l key -d 'PEM file of the client certificate\'s key' -r -F
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and __fish_seen_subcommand_from force-update" -l resolve -d 'Connect to ADDRESS in place of what HOST resolves to, and without a proxy; repeat it for several' -r -f
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and __fish_seen_subcommand_from force-update" -l connect-timeout -d 'Longest time to connect: name lookup, TCP, TLS and upgrade together [default: 10s]' -r -f
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and __fish_seen_subcommand_from force-update" -l color -d 'When to colour [default: auto]' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` or `TERM=dumb` says otherwise'
always\t'Always'
never\t'Never'"
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and __fish_seen_subcommand_from force-update" -l verify -d 'Look whether it was done: listen to the feeds meanwhile, and show which sent and how fast'
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and __fish_seen_subcommand_from force-update" -l dry-run -d 'Show the request with the token redacted, and send nothing'
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and __fish_seen_subcommand_from force-update" -l json -d 'The same as `--format json`'
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and __fish_seen_subcommand_from force-update" -s k -l insecure -d 'Do not verify the server\'s certificate, and let a token travel in the clear'
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and __fish_seen_subcommand_from force-update" -l no-compression -d 'Do not offer to take messages compressed'
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and __fish_seen_subcommand_from force-update" -s q -l quiet -d 'Say nothing but results and errors'
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and __fish_seen_subcommand_from force-update" -s v -l verbose -d 'Say more about what happens on the way'
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and __fish_seen_subcommand_from force-update" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and __fish_seen_subcommand_from pause" -l timeout -d 'Fail (124) if there is no answer in this time' -r -f
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and __fish_seen_subcommand_from pause" -l format -d 'How the answer is written' -r -f -a "text\t'For people'
json\t'For programs'"
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and __fish_seen_subcommand_from pause" -s s -l server -d 'Address of a server; repeat it for several nodes. http and ws, https and wss mean the same [default: http://127.0.0.1:8080]' -r -f
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and __fish_seen_subcommand_from pause" -l token-file -d 'File that holds the token, `-` for standard input' -r -F
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and __fish_seen_subcommand_from pause" -s H -l header -d 'Header to send with every request; repeat it for several' -r -f
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and __fish_seen_subcommand_from pause" -l cacert -d 'PEM file of certificates to trust beside those of the system' -r -F
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and __fish_seen_subcommand_from pause" -l cert -d 'PEM file of the client certificate' -r -F
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and __fish_seen_subcommand_from pause" -l key -d 'PEM file of the client certificate\'s key' -r -F
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and __fish_seen_subcommand_from pause" -l resolve -d 'Connect to ADDRESS in place of what HOST resolves to, and without a proxy; repeat it for several' -r -f
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and __fish_seen_subcommand_from pause" -l connect-timeout -d 'Longest time to connect: name lookup, TCP, TLS and upgrade together [default: 10s]' -r -f
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and __fish_seen_subcommand_from pause" -l color -d 'When to colour [default: auto]' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` or `TERM=dumb` says otherwise'
always\t'Always'
never\t'Never'"
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and __fish_seen_subcommand_from pause" -l verify -d 'Ask again afterwards whether it was done'
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and __fish_seen_subcommand_from pause" -l dry-run -d 'Show the request with the token redacted, and send nothing'
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and __fish_seen_subcommand_from pause" -l json -d 'The same as `--format json`'
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and __fish_seen_subcommand_from pause" -s k -l insecure -d 'Do not verify the server\'s certificate, and let a token travel in the clear'
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and __fish_seen_subcommand_from pause" -l no-compression -d 'Do not offer to take messages compressed'
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and __fish_seen_subcommand_from pause" -s q -l quiet -d 'Say nothing but results and errors'
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and __fish_seen_subcommand_from pause" -s v -l verbose -d 'Say more about what happens on the way'
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and __fish_seen_subcommand_from pause" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and __fish_seen_subcommand_from resume" -l timeout -d 'Fail (124) if there is no answer in this time' -r -f
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and __fish_seen_subcommand_from resume" -l format -d 'How the answer is written' -r -f -a "text\t'For people'
json\t'For programs'"
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and __fish_seen_subcommand_from resume" -s s -l server -d 'Address of a server; repeat it for several nodes. http and ws, https and wss mean the same [default: http://127.0.0.1:8080]' -r -f
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and __fish_seen_subcommand_from resume" -l token-file -d 'File that holds the token, `-` for standard input' -r -F
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and __fish_seen_subcommand_from resume" -s H -l header -d 'Header to send with every request; repeat it for several' -r -f
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and __fish_seen_subcommand_from resume" -l cacert -d 'PEM file of certificates to trust beside those of the system' -r -F
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and __fish_seen_subcommand_from resume" -l cert -d 'PEM file of the client certificate' -r -F
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and __fish_seen_subcommand_from resume" -l key -d 'PEM file of the client certificate\'s key' -r -F
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and __fish_seen_subcommand_from resume" -l resolve -d 'Connect to ADDRESS in place of what HOST resolves to, and without a proxy; repeat it for several' -r -f
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and __fish_seen_subcommand_from resume" -l connect-timeout -d 'Longest time to connect: name lookup, TCP, TLS and upgrade together [default: 10s]' -r -f
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and __fish_seen_subcommand_from resume" -l color -d 'When to colour [default: auto]' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` or `TERM=dumb` says otherwise'
always\t'Always'
never\t'Never'"
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and __fish_seen_subcommand_from resume" -l verify -d 'Ask again afterwards whether it was done'
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and __fish_seen_subcommand_from resume" -l dry-run -d 'Show the request with the token redacted, and send nothing'
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and __fish_seen_subcommand_from resume" -l json -d 'The same as `--format json`'
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and __fish_seen_subcommand_from resume" -s k -l insecure -d 'Do not verify the server\'s certificate, and let a token travel in the clear'
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and __fish_seen_subcommand_from resume" -l no-compression -d 'Do not offer to take messages compressed'
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and __fish_seen_subcommand_from resume" -s q -l quiet -d 'Say nothing but results and errors'
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and __fish_seen_subcommand_from resume" -s v -l verbose -d 'Say more about what happens on the way'
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and __fish_seen_subcommand_from resume" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and __fish_seen_subcommand_from check" -l timeout -d 'Fail (124) if there is no answer in this time' -r -f
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and __fish_seen_subcommand_from check" -l format -d 'How the answer is written' -r -f -a "text\t'For people'
json\t'For programs'"
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and __fish_seen_subcommand_from check" -s s -l server -d 'Address of a server; repeat it for several nodes. http and ws, https and wss mean the same [default: http://127.0.0.1:8080]' -r -f
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and __fish_seen_subcommand_from check" -l token-file -d 'File that holds the token, `-` for standard input' -r -F
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and __fish_seen_subcommand_from check" -s H -l header -d 'Header to send with every request; repeat it for several' -r -f
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and __fish_seen_subcommand_from check" -l cacert -d 'PEM file of certificates to trust beside those of the system' -r -F
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and __fish_seen_subcommand_from check" -l cert -d 'PEM file of the client certificate' -r -F
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and __fish_seen_subcommand_from check" -l key -d 'PEM file of the client certificate\'s key' -r -F
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and __fish_seen_subcommand_from check" -l resolve -d 'Connect to ADDRESS in place of what HOST resolves to, and without a proxy; repeat it for several' -r -f
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and __fish_seen_subcommand_from check" -l connect-timeout -d 'Longest time to connect: name lookup, TCP, TLS and upgrade together [default: 10s]' -r -f
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and __fish_seen_subcommand_from check" -l color -d 'When to colour [default: auto]' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` or `TERM=dumb` says otherwise'
always\t'Always'
never\t'Never'"
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and __fish_seen_subcommand_from check" -l dry-run -d 'Show the request with the token redacted, and send nothing'
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and __fish_seen_subcommand_from check" -l json -d 'The same as `--format json`'
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and __fish_seen_subcommand_from check" -s k -l insecure -d 'Do not verify the server\'s certificate, and let a token travel in the clear'
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and __fish_seen_subcommand_from check" -l no-compression -d 'Do not offer to take messages compressed'
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and __fish_seen_subcommand_from check" -s q -l quiet -d 'Say nothing but results and errors'
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and __fish_seen_subcommand_from check" -s v -l verbose -d 'Say more about what happens on the way'
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and __fish_seen_subcommand_from check" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and __fish_seen_subcommand_from reload" -l timeout -d 'Fail (124) if there is no answer in this time' -r -f
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and __fish_seen_subcommand_from reload" -l format -d 'How the answer is written' -r -f -a "text\t'For people'
json\t'For programs'"
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and __fish_seen_subcommand_from reload" -s s -l server -d 'Address of a server; repeat it for several nodes. http and ws, https and wss mean the same [default: http://127.0.0.1:8080]' -r -f
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and __fish_seen_subcommand_from reload" -l token-file -d 'File that holds the token, `-` for standard input' -r -F
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and __fish_seen_subcommand_from reload" -s H -l header -d 'Header to send with every request; repeat it for several' -r -f
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and __fish_seen_subcommand_from reload" -l cacert -d 'PEM file of certificates to trust beside those of the system' -r -F
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and __fish_seen_subcommand_from reload" -l cert -d 'PEM file of the client certificate' -r -F
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and __fish_seen_subcommand_from reload" -l key -d 'PEM file of the client certificate\'s key' -r -F
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and __fish_seen_subcommand_from reload" -l resolve -d 'Connect to ADDRESS in place of what HOST resolves to, and without a proxy; repeat it for several' -r -f
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and __fish_seen_subcommand_from reload" -l connect-timeout -d 'Longest time to connect: name lookup, TCP, TLS and upgrade together [default: 10s]' -r -f
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and __fish_seen_subcommand_from reload" -l color -d 'When to colour [default: auto]' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` or `TERM=dumb` says otherwise'
always\t'Always'
never\t'Never'"
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and __fish_seen_subcommand_from reload" -l dry-run -d 'Show the request with the token redacted, and send nothing'
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and __fish_seen_subcommand_from reload" -l json -d 'The same as `--format json`'
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and __fish_seen_subcommand_from reload" -s k -l insecure -d 'Do not verify the server\'s certificate, and let a token travel in the clear'
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and __fish_seen_subcommand_from reload" -l no-compression -d 'Do not offer to take messages compressed'
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and __fish_seen_subcommand_from reload" -s q -l quiet -d 'Say nothing but results and errors'
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and __fish_seen_subcommand_from reload" -s v -l verbose -d 'Say more about what happens on the way'
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and __fish_seen_subcommand_from reload" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and __fish_seen_subcommand_from drain" -l pool -d 'Its pool, where the address stands in several' -r -f
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and __fish_seen_subcommand_from drain" -l source -d 'Its source, where several list it in the same pool' -r -f
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and __fish_seen_subcommand_from drain" -l for -d 'For how long; then it works again, or has the weight it had' -r -f
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and __fish_seen_subcommand_from drain" -l reason -d 'Why, for those who see it' -r -f
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and __fish_seen_subcommand_from drain" -l timeout -d 'Fail (124) if there is no answer in this time' -r -f
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and __fish_seen_subcommand_from drain" -l format -d 'How the answer is written' -r -f -a "text\t'For people'
json\t'For programs'"
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and __fish_seen_subcommand_from drain" -s s -l server -d 'Address of a server; repeat it for several nodes. http and ws, https and wss mean the same [default: http://127.0.0.1:8080]' -r -f
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and __fish_seen_subcommand_from drain" -l token-file -d 'File that holds the token, `-` for standard input' -r -F
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and __fish_seen_subcommand_from drain" -s H -l header -d 'Header to send with every request; repeat it for several' -r -f
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and __fish_seen_subcommand_from drain" -l cacert -d 'PEM file of certificates to trust beside those of the system' -r -F
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and __fish_seen_subcommand_from drain" -l cert -d 'PEM file of the client certificate' -r -F
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and __fish_seen_subcommand_from drain" -l key -d 'PEM file of the client certificate\'s key' -r -F
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and __fish_seen_subcommand_from drain" -l resolve -d 'Connect to ADDRESS in place of what HOST resolves to, and without a proxy; repeat it for several' -r -f
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and __fish_seen_subcommand_from drain" -l connect-timeout -d 'Longest time to connect: name lookup, TCP, TLS and upgrade together [default: 10s]' -r -f
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and __fish_seen_subcommand_from drain" -l color -d 'When to colour [default: auto]' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` or `TERM=dumb` says otherwise'
always\t'Always'
never\t'Never'"
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and __fish_seen_subcommand_from drain" -l dry-run -d 'Show the request with the token redacted, and send nothing'
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and __fish_seen_subcommand_from drain" -l json -d 'The same as `--format json`'
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and __fish_seen_subcommand_from drain" -s k -l insecure -d 'Do not verify the server\'s certificate, and let a token travel in the clear'
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and __fish_seen_subcommand_from drain" -l no-compression -d 'Do not offer to take messages compressed'
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and __fish_seen_subcommand_from drain" -s q -l quiet -d 'Say nothing but results and errors'
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and __fish_seen_subcommand_from drain" -s v -l verbose -d 'Say more about what happens on the way'
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and __fish_seen_subcommand_from drain" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and __fish_seen_subcommand_from maintenance" -l pool -d 'Its pool, where the address stands in several' -r -f
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and __fish_seen_subcommand_from maintenance" -l source -d 'Its source, where several list it in the same pool' -r -f
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and __fish_seen_subcommand_from maintenance" -l for -d 'For how long; then it works again, or has the weight it had' -r -f
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and __fish_seen_subcommand_from maintenance" -l reason -d 'Why, for those who see it' -r -f
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and __fish_seen_subcommand_from maintenance" -l timeout -d 'Fail (124) if there is no answer in this time' -r -f
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and __fish_seen_subcommand_from maintenance" -l format -d 'How the answer is written' -r -f -a "text\t'For people'
json\t'For programs'"
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and __fish_seen_subcommand_from maintenance" -s s -l server -d 'Address of a server; repeat it for several nodes. http and ws, https and wss mean the same [default: http://127.0.0.1:8080]' -r -f
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and __fish_seen_subcommand_from maintenance" -l token-file -d 'File that holds the token, `-` for standard input' -r -F
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and __fish_seen_subcommand_from maintenance" -s H -l header -d 'Header to send with every request; repeat it for several' -r -f
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and __fish_seen_subcommand_from maintenance" -l cacert -d 'PEM file of certificates to trust beside those of the system' -r -F
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and __fish_seen_subcommand_from maintenance" -l cert -d 'PEM file of the client certificate' -r -F
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and __fish_seen_subcommand_from maintenance" -l key -d 'PEM file of the client certificate\'s key' -r -F
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and __fish_seen_subcommand_from maintenance" -l resolve -d 'Connect to ADDRESS in place of what HOST resolves to, and without a proxy; repeat it for several' -r -f
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and __fish_seen_subcommand_from maintenance" -l connect-timeout -d 'Longest time to connect: name lookup, TCP, TLS and upgrade together [default: 10s]' -r -f
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and __fish_seen_subcommand_from maintenance" -l color -d 'When to colour [default: auto]' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` or `TERM=dumb` says otherwise'
always\t'Always'
never\t'Never'"
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and __fish_seen_subcommand_from maintenance" -l dry-run -d 'Show the request with the token redacted, and send nothing'
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and __fish_seen_subcommand_from maintenance" -l json -d 'The same as `--format json`'
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and __fish_seen_subcommand_from maintenance" -s k -l insecure -d 'Do not verify the server\'s certificate, and let a token travel in the clear'
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and __fish_seen_subcommand_from maintenance" -l no-compression -d 'Do not offer to take messages compressed'
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and __fish_seen_subcommand_from maintenance" -s q -l quiet -d 'Say nothing but results and errors'
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and __fish_seen_subcommand_from maintenance" -s v -l verbose -d 'Say more about what happens on the way'
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and __fish_seen_subcommand_from maintenance" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and __fish_seen_subcommand_from enable" -l pool -d 'Its pool, where the address stands in several' -r -f
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and __fish_seen_subcommand_from enable" -l source -d 'Its source, where several list it in the same pool' -r -f
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and __fish_seen_subcommand_from enable" -l timeout -d 'Fail (124) if there is no answer in this time' -r -f
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and __fish_seen_subcommand_from enable" -l format -d 'How the answer is written' -r -f -a "text\t'For people'
json\t'For programs'"
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and __fish_seen_subcommand_from enable" -s s -l server -d 'Address of a server; repeat it for several nodes. http and ws, https and wss mean the same [default: http://127.0.0.1:8080]' -r -f
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and __fish_seen_subcommand_from enable" -l token-file -d 'File that holds the token, `-` for standard input' -r -F
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and __fish_seen_subcommand_from enable" -s H -l header -d 'Header to send with every request; repeat it for several' -r -f
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and __fish_seen_subcommand_from enable" -l cacert -d 'PEM file of certificates to trust beside those of the system' -r -F
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and __fish_seen_subcommand_from enable" -l cert -d 'PEM file of the client certificate' -r -F
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and __fish_seen_subcommand_from enable" -l key -d 'PEM file of the client certificate\'s key' -r -F
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and __fish_seen_subcommand_from enable" -l resolve -d 'Connect to ADDRESS in place of what HOST resolves to, and without a proxy; repeat it for several' -r -f
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and __fish_seen_subcommand_from enable" -l connect-timeout -d 'Longest time to connect: name lookup, TCP, TLS and upgrade together [default: 10s]' -r -f
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and __fish_seen_subcommand_from enable" -l color -d 'When to colour [default: auto]' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` or `TERM=dumb` says otherwise'
always\t'Always'
never\t'Never'"
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and __fish_seen_subcommand_from enable" -l dry-run -d 'Show the request with the token redacted, and send nothing'
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and __fish_seen_subcommand_from enable" -l json -d 'The same as `--format json`'
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and __fish_seen_subcommand_from enable" -s k -l insecure -d 'Do not verify the server\'s certificate, and let a token travel in the clear'
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and __fish_seen_subcommand_from enable" -l no-compression -d 'Do not offer to take messages compressed'
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and __fish_seen_subcommand_from enable" -s q -l quiet -d 'Say nothing but results and errors'
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and __fish_seen_subcommand_from enable" -s v -l verbose -d 'Say more about what happens on the way'
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and __fish_seen_subcommand_from enable" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and __fish_seen_subcommand_from weight" -l pool -d 'Its pool, where the address stands in several' -r -f
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and __fish_seen_subcommand_from weight" -l source -d 'Its source, where several list it in the same pool' -r -f
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and __fish_seen_subcommand_from weight" -l for -d 'For how long; then it works again, or has the weight it had' -r -f
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and __fish_seen_subcommand_from weight" -l reason -d 'Why, for those who see it' -r -f
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and __fish_seen_subcommand_from weight" -l timeout -d 'Fail (124) if there is no answer in this time' -r -f
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and __fish_seen_subcommand_from weight" -l format -d 'How the answer is written' -r -f -a "text\t'For people'
json\t'For programs'"
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and __fish_seen_subcommand_from weight" -s s -l server -d 'Address of a server; repeat it for several nodes. http and ws, https and wss mean the same [default: http://127.0.0.1:8080]' -r -f
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and __fish_seen_subcommand_from weight" -l token-file -d 'File that holds the token, `-` for standard input' -r -F
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and __fish_seen_subcommand_from weight" -s H -l header -d 'Header to send with every request; repeat it for several' -r -f
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and __fish_seen_subcommand_from weight" -l cacert -d 'PEM file of certificates to trust beside those of the system' -r -F
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and __fish_seen_subcommand_from weight" -l cert -d 'PEM file of the client certificate' -r -F
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and __fish_seen_subcommand_from weight" -l key -d 'PEM file of the client certificate\'s key' -r -F
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and __fish_seen_subcommand_from weight" -l resolve -d 'Connect to ADDRESS in place of what HOST resolves to, and without a proxy; repeat it for several' -r -f
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and __fish_seen_subcommand_from weight" -l connect-timeout -d 'Longest time to connect: name lookup, TCP, TLS and upgrade together [default: 10s]' -r -f
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and __fish_seen_subcommand_from weight" -l color -d 'When to colour [default: auto]' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` or `TERM=dumb` says otherwise'
always\t'Always'
never\t'Never'"
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and __fish_seen_subcommand_from weight" -l dry-run -d 'Show the request with the token redacted, and send nothing'
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and __fish_seen_subcommand_from weight" -l json -d 'The same as `--format json`'
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and __fish_seen_subcommand_from weight" -s k -l insecure -d 'Do not verify the server\'s certificate, and let a token travel in the clear'
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and __fish_seen_subcommand_from weight" -l no-compression -d 'Do not offer to take messages compressed'
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and __fish_seen_subcommand_from weight" -s q -l quiet -d 'Say nothing but results and errors'
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and __fish_seen_subcommand_from weight" -s v -l verbose -d 'Say more about what happens on the way'
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and __fish_seen_subcommand_from weight" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c veloflux -f
complete -c veloflux -n "__fish_veloflux_using_subcommand watch" -f -a "backends metrics status billing health all"
complete -c veloflux -n "__fish_veloflux_using_subcommand probe" -f -a "backends metrics status billing health all"
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and __fish_seen_subcommand_from force-update" -f -a "backends metrics status billing health all"
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and __fish_seen_subcommand_from pause" -f -a "backends metrics status billing health all"
complete -c veloflux -n "__fish_veloflux_using_subcommand control; and __fish_seen_subcommand_from resume" -f -a "backends metrics status billing health all"
