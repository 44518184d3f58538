//! Handlers that someone outside asks or tells something: the files of a run, standard input.
#![expect(clippy::print_stderr, reason = "a test that is skipped says so")]

mod systap;

use std::path::Path;

use systap::{eventually, kill, run, run_with_input, start, systap};

/// Runs a script while a command of the shell, with the directory of the run in `$D`, uses its files.
fn with_files(text: &str, command: &str) -> Option<systap::Outcome> {
    let command = format!("D=/run/systap/stap_$PPID; {command}");
    let outcome = run(["run", "-e", text, "-c", &command]);
    if !Path::new("/dev/fuse").exists() || outcome.complaints().contains("cannot offer the files") {
        eprintln!("skipped: no file systems of one's own here");
        return None;
    }
    outcome.exits(0);
    Some(outcome)
}

#[test]
fn each_reader_reads_what_the_handler_says_to_it() {
    let text = "global n probe procfs(\"d/count\").read { $value = sprintf(\"%d\\n\", ++n) }";
    let command =
        "cat $D/d/count; dd if=$D/d/count bs=1 2>/dev/null; cat $D/d/count & cat $D/d/count; wait; ls $D $D/d";
    let Some(outcome) = with_files(text, command) else { return };
    let mut lines: Vec<String> = outcome.text().lines().map(str::to_owned).collect();
    lines[2..4].sort();
    let directory = lines[4].strip_suffix(':').unwrap().to_owned();
    assert_eq!(lines[..4], ["1", "2", "3", "4"]);
    assert_eq!(lines[5..], ["d", "", &format!("{directory}/d:"), "count"]);
    assert!(!Path::new(&directory).exists(), "{}", outcome.all());
}

#[test]
fn what_is_written_comes_in_pieces_that_a_string_can_have() {
    let text = "global all probe procfs.write { all .= sprintf(\"%d \", strlen($value)) } probe end { println(all) }
        probe procfs(\"text\").write { printf(\"<%s>\\n\", $value) }";
    let command =
        "head -c 1300 /dev/zero | tr '\\0' x >$D/command; printf 'a b' >$D/text; cat $D/text 2>&1 | sed 's/.*: //'";
    let Some(outcome) = with_files(text, command) else { return };
    let mut lines: Vec<String> = outcome.text().lines().map(str::to_owned).collect();
    lines.sort();
    // A string has 511 bytes.
    assert_eq!(lines, ["511 511 278 ", "<a b>", "Bad file descriptor"], "{}", outcome.all());
}

#[test]
fn permissions_and_lengths_are_what_the_point_says() {
    let text = "probe procfs(\"a\").umask(0022).read.maxsize(10) { $value = \"0123456\" $value .= \"789abc\" }
        probe procfs(\"a\").write { println($value) }
        probe procfs(\"b\").umask(0040).read { $value = \"x\" $value = \"y\" $value .= \"x\" }";
    let command = "stat -c '%a %s' $D/a $D/b $D; cat $D/a; echo; cat $D/b; rm $D/a 2>&1 | sed 's/.*: //'";
    let Some(outcome) = with_files(text, command) else { return };
    assert_eq!(outcome.text(), "644 0\n404 0\n755 0\n0123456789\nyxOperation not permitted\n", "{}", outcome.all());
    outcome.complains(&["was cut after 10 bytes"]);
}

#[test]
fn metrics_are_read_as_documented() {
    let text = "global a probe begin { a[\"x\"] = 3 a[\"y\\\"z\"] = 4 }
        probe init { json_set_prefix(\"p\") json_add_numeric_metric(\"reads\", \"d\", \"u\") }
        probe prometheus { @prometheus_dump_array1(a, \"m\", \"k\") }
        probe json_data { @json_output_data_start @json_output_numeric_value(\"reads\", 5) @json_output_data_end }";
    let Some(outcome) = with_files(text, "sort $D/__prometheus; cat $D/data.json; cat $D/metadata.json") else {
        return;
    };
    let text = outcome.text();
    let (metrics, json) = text.split_at(text.find("{\n").unwrap());
    assert_eq!(metrics, "m{k=\"x\"} 3\nm{k=\"y\\\"z\"} 4\n");
    let mut objects = serde_json::Deserializer::from_str(json).into_iter::<serde_json::Value>();
    assert_eq!(objects.next().unwrap().unwrap(), serde_json::json!({"reads": 5}));
    let about = serde_json::json!({"prefix": "p", "metrics": [
        {"name": "reads", "pointer": "/reads", "type": "integer", "description": "d", "units": "u"}
    ]});
    assert_eq!(objects.next().unwrap().unwrap(), about);
}

#[test]
fn arrays_of_every_number_of_keys_are_metrics() {
    let (mut script, mut expected) = (String::new(), vec![]);
    let mut prints = String::new();
    for keys in 1..=8 {
        let list = |of: &dyn Fn(usize) -> String| (1..=keys).map(of).collect::<Vec<String>>().join(", ");
        let (indexes, labels) = (list(&|key| format!("\"v{key}\"")), list(&|key| format!("\"l{key}\"")));
        script += &format!("global a{keys} probe begin {{ a{keys}[{indexes}] = {keys} }}\n");
        let maps = format!("twice, {}", list(&|_| "mark".to_owned()));
        let unquoted = format!("twice, {}", list(&|_| "quote".to_owned()));
        prints += &format!("@prometheus_dump_array{keys}(a{keys}, \"plain{keys}\", {labels})\n");
        prints += &format!("@prometheus_dump_array{keys}_map(a{keys}, \"map{keys}\", {labels}, {maps})\n");
        prints += &format!("@prometheus_dump_array{keys}_map_unquoted(a{keys}, \"raw{keys}\", {labels}, {unquoted})\n");
        let told = |mark: &str| (1..=keys).map(|key| format!("l{key}=\"v{key}{mark}\"")).collect::<Vec<_>>().join(",");
        expected.push(format!("plain{keys}{{{}}} {keys}", told("")));
        expected.push(format!("map{keys}{{{}}} {}", told("!"), 2 * keys));
        expected.push(format!("raw{keys}{{{}}} {}", told("?"), 2 * keys));
    }
    script += "function twice(n) { return sprint(2 * n) } function mark(s) { return s . \"!\" }\n";
    script += "function quote(s) { return \"\\\"\" . s . \"?\\\"\" }\n";
    script += &format!("probe prometheus {{ {prints} }}");
    let Some(outcome) = with_files(&script, "cat $D/__prometheus") else { return };
    let lines: Vec<String> = outcome.text().lines().map(str::to_owned).collect();
    assert_eq!(lines, expected, "{}", outcome.all());
}

#[test]
fn metrics_of_every_kind_are_told() {
    let text =
        "probe init { json_set_prefix(\"all\") json_add_string_metric(\"who\", \"d1\") json_add_array(\"cpus\", \"d2\")
            json_add_array_numeric_metric(\"cpus\", \"load\", \"d3\", \"u3\")
            json_add_array_string_metric(\"cpus\", \"state\", \"d4\") }
        probe json_data { @json_output_data_start @json_output_string_value(\"who\", \"me\")
            @json_output_array_numeric_value(\"cpus\", \"0\", \"load\", 7)
            @json_output_array_string_value(\"cpus\", \"0\", \"state\", \"busy\") @json_output_data_end }";
    let Some(outcome) = with_files(text, "cat $D/data.json $D/metadata.json") else { return };
    let text = outcome.text();
    let mut objects = serde_json::Deserializer::from_str(&text).into_iter::<serde_json::Value>();
    let data = objects.next().unwrap().unwrap();
    assert_eq!(data, serde_json::json!({"who": "me", "cpus": [{"__id": "0", "load": 7, "state": "busy"}]}));
    let about = objects.next().unwrap().unwrap();
    assert_eq!(about["prefix"], "all");
    let kinds: Vec<&str> =
        about["metrics"].as_array().unwrap().iter().map(|one| one["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["string", "array"], "{about}");
    assert_eq!(about["metrics"][0]["description"], "d1");
    let within = about["metrics"][1]["metrics"].as_array().unwrap();
    let within: Vec<_> = within.iter().filter_map(|one| Some((one["name"].as_str()?, one["type"].as_str()?))).collect();
    assert!(within.contains(&("load", "integer")) && within.contains(&("state", "string")), "{about}");
}

#[test]
fn metrics_are_json_whatever_they_say() {
    let text = "probe init { json_add_string_metric(\"who\", \"so \\\"called\\\"\") json_add_array(\"list\", \"\")
            json_add_array_string_metric(\"list\", \"s\", \"\") }
        probe json_data { @json_output_data_start @json_output_string_value(\"who\", \"a\\\"b\\\\c\\nd\\001\")
            @json_output_array_string_value(\"list\", \"i\\\"1\", \"s\", \"\\t\") @json_output_data_end }";
    let Some(outcome) = with_files(text, "cat $D/data.json $D/metadata.json") else { return };
    let text = outcome.text();
    let mut objects = serde_json::Deserializer::from_str(&text).into_iter::<serde_json::Value>();
    let data = objects.next().unwrap().unwrap();
    assert_eq!(data, serde_json::json!({"who": "a\"b\\c\nd\u{1}", "list": [{"__id": "i\"1", "s": "\t"}]}));
    let about = objects.next().unwrap().unwrap();
    assert_eq!(about["metrics"][0]["description"], "so \"called\"");
}

#[test]
fn what_is_read_can_be_longer_than_a_string() {
    let text =
        "probe procfs(\"long\").read.maxsize(65536) { for (i = 0; i < 1000; i++) $value .= sprintf(\"%050d\", i) }";
    let Some(outcome) = with_files(text, "cat $D/long; head -c 5 $D/long") else { return };
    let expected: String = (0..1000).map(|number| format!("{number:050}")).collect();
    assert_eq!(outcome.text(), expected + "00000", "{}", outcome.all());
}

#[test]
fn a_run_that_was_killed_leaves_nothing_after_the_next() {
    let text = "probe procfs.read { $value = \"x\" }";
    let running = start(systap(["run", "-e", text]));
    let directory = format!("/run/systap/stap_{}", running.pid());
    let file = format!("{directory}/command");
    if !Path::new("/dev/fuse").exists() || std::fs::create_dir_all("/run/systap").is_err() {
        return eprintln!("skipped: no file systems of one's own here");
    }
    eventually("the file is there", || Path::new(&file).exists());
    kill(running.pid() as i32, 9);
    running.wait();
    run(["run", "-e", "probe procfs.read { $value = \"x\" } probe timer.ms(1) { exit() }"]).exits(0);
    assert!(!Path::new(&directory).exists());
    assert!(!std::fs::read_to_string("/proc/self/mounts").unwrap().contains(&directory));
}

#[test]
fn input_comes_by_characters_and_by_lines() {
    let text = "probe input.char { printf(\"%s.\", char) } probe input.line { printf(\"<%s>\", line) if (line == \"q\") exit() }";
    run_with_input(&["run", "-e", text], b"ab\n\nq").exits(0).prints("a.b.\n.<ab>\n.<>q.<q>");
    // A regular file, which cannot be waited for.
    let shell = format!("printf 'one\\ntwo\\nq\\nmore' >in; exec {} run -e '{text}' <in", systap::binary().display());
    let directory = std::env::temp_dir().join(format!("systap-input-{}", std::process::id()));
    std::fs::create_dir(&directory).unwrap();
    let mut command = systap::command("sh");
    command.args(["-c", &shell]).current_dir(&directory);
    let outcome = start(command).wait();
    std::fs::remove_dir_all(&directory).unwrap();
    outcome.prints("o.n.e.\n.<one>t.w.o.\n.<two>q.\n.<q>");
}

#[test]
fn the_end_of_input_ends_nothing() {
    let text = "probe input.line { println(line) } probe timer.ms(300) { println(\"on\") exit() }";
    run_with_input(&["run", "-e", text], b"last").prints("last\non\n");
}
