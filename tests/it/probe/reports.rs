//! The formats of the report, read by the programs they are for.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use super::{probe, report};
use crate::stub::{Stub, metrics};
use crate::support::http::foreign;
use crate::support::program::Program;
use crate::support::programs::{python, run};
use crate::support::wait::eventually;
use crate::support::{PATIENCE, TestServer, Veloflux, free_port};

/// A stub whose `metrics` pass and whose `status` do not: it sends metrics there, too.
fn half() -> Stub {
    Stub::sending(&[&metrics(1)])
}

fn read(kind: &str, path: &Path) -> Value {
    let mut command = python("reports.py");
    command.arg(kind).arg(path);
    run(command)
}

#[test]
fn every_report_is_written_in_one_run_and_leaves_no_other_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let names = ["text", "json", "nagios", "prometheus", "junit", "tap", "github"];
    let files = names.map(|name| format!("--report={name}={}", folder.path().join(name).display()));
    let flags: Vec<&str> = ["metrics", "status", "-q"].into_iter().chain(files.iter().map(String::as_str)).collect();
    let done = probe(&half(), &flags).run();
    assert_eq!((done.code, done.stdout.as_str()), (1, ""), "{}", done.stderr);
    let mut written: Vec<_> =
        std::fs::read_dir(folder.path()).expect("readable").map(|entry| entry.expect("an entry").file_name()).collect();
    written.sort();
    let mut expected = names.to_vec();
    expected.sort_unstable();
    assert_eq!(written, expected);

    let junit = read("junit", &folder.path().join("junit"));
    assert_eq!((&junit["failures"], &junit["suites"]["status"]["first_message"]), (&1.into(), &vec!["Failure"].into()));
    assert_eq!(junit["suites"]["metrics"]["schema"], Value::Array(Vec::new()));

    let gauges = read("prometheus", &folder.path().join("prometheus"));
    let success = &gauges["veloflux_probe_success"];
    assert_eq!(success["type"], "gauge");
    let samples = success["samples"].as_array().expect("a list");
    let values: Vec<_> = samples.iter().map(|sample| (sample[0]["target"].as_str(), sample[1].as_f64())).collect();
    assert_eq!(values, [(Some("metrics"), Some(1.0)), (Some("status"), Some(0.0))]);
    for (name, gauge) in gauges.as_object().expect("an object") {
        assert!(gauge["help"].as_str().is_some_and(|help| help.ends_with('.')), "{name}");
    }

    let json = report(&std::fs::read_to_string(folder.path().join("json")).expect("it is there"));
    assert_eq!((&json["exit"], &json["targets"][1]["name"]), (&1.into(), &"status".into()));
    let github = std::fs::read_to_string(folder.path().join("github")).expect("it is there");
    assert!(github.starts_with("::error title=veloflux probe%3A status::first_message: "), "{github}");
}

#[test]
fn prove_believes_the_tap() {
    let folder = tempfile::tempdir().expect("a folder");
    for (feeds, code) in [(&["metrics"][..], 0), (&["metrics", "status"], 1)] {
        let file = folder.path().join("probe.tap");
        let report = format!("--report=tap={}", file.display());
        assert_eq!(probe(&half(), &[feeds, &[&report]].concat()).run().code, code);
        let proved = Command::new("prove").args(["--exec", "cat"]).arg(&file).output().expect("perl brings it");
        assert_eq!(proved.status.code(), Some(code), "{}", String::from_utf8_lossy(&proved.stdout));
    }
}

#[test]
fn a_monitoring_system_gets_its_exit_codes_and_data_it_can_read() {
    let nagios = |flags: &[&str]| probe(&half(), &[&["--format", "nagios"], flags].concat()).run();
    for (flags, code, word) in [
        (&["metrics"][..], 0, "OK"),
        (&["metrics", "-w", "tcp=0s"], 1, "WARNING"),
        (&["metrics", "-w", "tcp=0s", "-c", "total=0s"], 2, "CRITICAL"),
        (&["metrics", "status"], 2, "CRITICAL"),
        (&["metrics", "--cacert", "/nonexistent"], 3, "UNKNOWN"),
        (&["metrics", "-w", "cadence=1s"], 3, "UNKNOWN"),
        (&["metrics", "-w", "tcp"], 3, "UNKNOWN"),
        (&["metrisc"], 3, "UNKNOWN"),
    ] {
        let done = nagios(flags);
        assert_eq!(done.code, code, "{flags:?}: {}{}", done.stdout, done.stderr);
        assert!(done.stdout.starts_with(&format!("VELOFLUX {word} - ")), "{}", done.stdout);
        let (line, has_data) = (done.stdout.lines().next().unwrap_or_default(), done.stdout.contains('|'));
        assert_eq!((line.contains("error: "), has_data), (false, code != 3), "{}", done.stdout);
    }
    let done = nagios(&["metrics", "-w", "rtt_p95=1s", "-c", "rtt_p95=2s,loss=10%"]);
    let (_, data) = done.stdout.lines().next().and_then(|line| line.split_once(" | ")).expect("performance data");
    let data = perfdata(data);
    let find =
        |label: &str| data.iter().find(|item| item["label"] == label).unwrap_or_else(|| panic!("{label}: {data:?}"));
    let rtt = find("metrics rtt_p95");
    assert!(rtt["value"].as_f64().is_some_and(|value| value >= 0.0), "{rtt}");
    assert_eq!((&rtt["uom"], &rtt["warning"], &rtt["critical"]), (&"ms".into(), &"1000".into(), &"2000".into()));
    let loss = find("metrics loss");
    assert_eq!((loss["value"].as_f64(), &loss["uom"], &loss["critical"]), (Some(0.0), &"%".into(), &"10".into()));
}

/// What the library that plugins in Perl are written with reads of performance data.
fn perfdata(text: &str) -> Vec<Value> {
    const SCRIPT: &str = r#"
        use Monitoring::Plugin::Performance;
        use JSON::PP;
        my @read = Monitoring::Plugin::Performance->parse_perfstring($ARGV[0]);
        print encode_json([map {
            my $limits = $_->threshold;
            { label => $_->label, value => $_->value + 0, uom => $_->uom // "",
              warning => "" . ($limits->warning->is_set ? $limits->warning->end : ""),
              critical => "" . ($limits->critical->is_set ? $limits->critical->end : "") }
        } @read]);
    "#;
    let mut perl = Command::new("perl");
    perl.args(["-e", SCRIPT, text]);
    let read = run(perl).as_array().expect("a list").clone();
    assert_eq!(read.len(), text.matches("'=").count(), "every item is read: {text}");
    read
}

/// The textfile collector takes all of it, and shows it as it was written.
#[test]
fn node_exporter_collects_the_samples() {
    let folder = tempfile::tempdir().expect("a folder");
    let textfiles = folder.path().join("textfiles");
    std::fs::create_dir(&textfiles).expect("a folder of ours");
    let report = format!("--report=prometheus={}", textfiles.join("probe.prom").display());
    assert_eq!(probe(&half(), &["metrics", "status", "-q", &report]).run().code, 1);
    let port = free_port();
    let mut exporter = Command::new("prometheus-node-exporter");
    exporter.arg(format!("--web.listen-address=127.0.0.1:{port}")).args(["--collector.disable-defaults"]);
    exporter.arg("--collector.textfile").arg(format!("--collector.textfile.directory={}", textfiles.display()));
    let _exporter = Program::start(&mut exporter, folder.path());
    let page =
        eventually(PATIENCE, || foreign(port, "/metrics").map(|answer| answer.body).map_err(|error| error.to_string()));
    assert!(page.lines().any(|line| line == "node_textfile_scrape_error 0"), "{page}");
    for sample in std::fs::read_to_string(textfiles.join("probe.prom")).expect("it is there").lines() {
        let name = sample.split(['{', ' ']).next().unwrap_or_default();
        let shown = |end: &str| page.contains(&format!("\n{name}{end}"));
        assert!(sample.starts_with('#') || shown("{") || shown(" "), "{sample} is not in {page}");
    }
    let success = |target: &str| {
        let start = format!("veloflux_probe_success{{target=\"{target}\",");
        page.lines()
            .find(|line| line.starts_with(&start))
            .and_then(|line| line.rsplit_once(' '))
            .map(|(_, value)| value)
    };
    assert_eq!((success("metrics"), success("status")), (Some("1"), Some("0")), "{page}");
}

#[test]
fn a_report_that_cannot_be_written_is_a_failure() {
    let done = probe(&half(), &["metrics", "--report", "junit=/nonexistent/probe.xml"]).run();
    assert_eq!(done.code, 1, "{}", done.stderr);
    let words = "cannot write the report `/nonexistent/probe.xml`: no such file or directory";
    assert!(done.stderr.contains(words), "{}", done.stderr);
    for report in ["junit", "yaml=x", "=x", "junit="] {
        assert_eq!(probe(&half(), &["metrics", "--report", report]).run().code, 2, "{report}");
    }
}

#[test]
fn targets_that_differ_in_their_query_only_are_told_apart_without_it() {
    let stub = half();
    let url = |key: &str| format!("{}/api/ws?key={key}", stub.url().replace("http", "ws"));
    let urls = [url("hunter2"), url("hunter3"), url("hunter4")];
    let flags = |format| ["--format", format, &urls[0], &urls[1], &urls[2]];
    let done = probe(&stub, &flags("prometheus")).run();
    assert_eq!(done.code, 0, "{}{}", done.stdout, done.stderr);
    let mut series: Vec<&str> = done.stdout.lines().filter_map(|line| Some(line.rsplit_once(' ')?.0)).collect();
    series.retain(|line| !line.starts_with('#'));
    let all = series.len();
    series.sort_unstable();
    series.dedup();
    assert_eq!(series.len(), all, "a sample stands twice: {}", done.stdout);
    for number in [" #2", " #3"] {
        assert!(done.stdout.contains(&format!("{number}\",url=")), "{}", done.stdout);
    }
    let nagios = probe(&stub, &flags("nagios")).run().stdout;
    assert_eq!(nagios.matches(" total'=").count(), 3, "{nagios}");
    assert!(!done.stdout.contains("hunter") && !nagios.contains("hunter"), "{nagios}{}", done.stdout);
}

#[test]
fn a_reader_that_has_left_changes_no_exit_code() {
    for (flags, code) in [(&["metrics"][..], 0), (&["status"], 1), (&["status", "--format", "nagios"], 2)] {
        let done = probe(&half(), flags).unread().run();
        assert_eq!((done.code, done.stderr.as_str()), (code, ""), "{flags:?}");
    }
}

#[test]
fn nodes_are_told_apart_where_there_are_several() {
    let (one, other) = (TestServer::start(), TestServer::start());
    let home = tempfile::tempdir().expect("a directory");
    let servers = ["--server", &one.url(), "--server", &other.url()];
    let arguments = ["probe", "metrics", "--format", "prometheus"].into_iter().chain(servers);
    let done = Veloflux::new(home.path(), arguments).run();
    assert_eq!(done.code, 0, "{}{}", done.stdout, done.stderr);
    let file = home.path().join("probe.prom");
    std::fs::write(&file, &done.stdout).expect("writable");
    let gauges = read("prometheus", &file);
    let samples = gauges["veloflux_probe_success"]["samples"].as_array().expect("a list");
    assert_eq!(samples[0][0]["target"], format!("metrics {}", one.address()));
    assert_eq!(samples.len(), 2);
}
