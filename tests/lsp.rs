//! `systap lsp`: what an editor asks and gets, over the pipe that it would use.

#![allow(clippy::unwrap_used, reason = "a test that fails says where")]

mod systap;

use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Stdio};

use serde_json::{Value, json};

use systap::systap;

/// An editor.
struct Editor {
    server: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
    requests: u64,
}

impl Editor {
    fn new(options: &[&str]) -> Editor {
        let mut command = systap(["lsp"].iter().chain(options));
        let mut server = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (to, from) = (server.stdin.take().unwrap(), BufReader::new(server.stdout.take().unwrap()));
        let mut editor = Editor { server, to, from, requests: 0 };
        let answer = editor.ask("initialize", json!({"capabilities": {}}));
        assert_eq!(answer["capabilities"]["hoverProvider"], true, "{answer}");
        editor.tell("initialized", json!({}));
        editor
    }

    fn send(&mut self, message: &Value) {
        let text = message.to_string();
        write!(self.to, "Content-Length: {}\r\n\r\n{text}", text.len()).unwrap();
        self.to.flush().unwrap();
    }

    fn tell(&mut self, method: &str, params: Value) {
        self.send(&json!({"jsonrpc": "2.0", "method": method, "params": params}));
    }

    fn next(&mut self) -> Value {
        let mut length = 0;
        loop {
            let mut line = String::new();
            assert!(self.from.read_line(&mut line).unwrap() > 0, "the server has ended");
            match line.trim().strip_prefix("Content-Length: ") {
                Some(number) => length = number.parse().unwrap(),
                None if line.trim().is_empty() => break,
                None => {}
            }
        }
        let mut text = vec![0; length];
        self.from.read_exact(&mut text).unwrap();
        serde_json::from_slice(&text).unwrap()
    }

    /// Asks, and passes over what else is said meanwhile.
    fn ask(&mut self, method: &str, params: Value) -> Value {
        let answer = self.ask_for_all(method, params);
        assert!(answer.get("error").is_none(), "{method}: {answer}");
        answer["result"].clone()
    }

    fn ask_for_all(&mut self, method: &str, params: Value) -> Value {
        self.requests += 1;
        let id = self.requests;
        self.send(&json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}));
        loop {
            let message = self.next();
            if message["id"] == id {
                return message;
            }
        }
    }

    /// Opens a text; gives what is wrong with it.
    fn open(&mut self, uri: &str, text: &str) -> Value {
        let document = json!({"uri": uri, "languageId": "systap", "version": 1, "text": text});
        self.tell("textDocument/didOpen", json!({"textDocument": document}));
        self.findings(uri)
    }

    fn change(&mut self, uri: &str, text: &str) -> Value {
        let document = json!({"uri": uri, "version": 2});
        self.tell("textDocument/didChange", json!({"textDocument": document, "contentChanges": [{"text": text}]}));
        self.findings(uri)
    }

    fn findings(&mut self, uri: &str) -> Value {
        loop {
            let message = self.next();
            if message["method"] == "textDocument/publishDiagnostics" && message["params"]["uri"] == uri {
                return message["params"]["diagnostics"].clone();
            }
        }
    }

    fn at(&mut self, method: &str, uri: &str, line: u32, character: u32) -> Value {
        let position = json!({"line": line, "character": character});
        self.ask(method, json!({"textDocument": {"uri": uri}, "position": position}))
    }

    /// What could stand there.
    fn labels(&mut self, uri: &str, line: u32, character: u32) -> Vec<String> {
        let answer = self.at("textDocument/completion", uri, line, character);
        let items = answer["items"].as_array().unwrap_or_else(|| panic!("{answer}"));
        items.iter().map(|item| item["label"].as_str().unwrap().to_owned()).collect()
    }

    fn end(mut self) {
        self.ask("shutdown", Value::Null);
        self.tell("exit", Value::Null);
        assert!(self.server.wait().unwrap().success());
    }
}

impl Drop for Editor {
    fn drop(&mut self) {
        _ = self.server.kill();
    }
}

const URI: &str = "file:///nowhere/a.stp";

#[test]
fn what_is_wrong_is_said_and_taken_back() {
    let mut editor = Editor::new(&[]);
    let found = editor.open(URI, "probe begin {\n  é = sbstr(\"x\", 1, 2)\n  printn(2)\n}\n");
    assert!(found.as_array().is_some_and(|found| !found.is_empty()), "{found}");
    let found = editor.change(URI, "probe begin {\n  /* 𝄞 */ printl(\"x\")\n  y = sbstr(\"x\", 1, 2)\n}\n");
    let found = found.as_array().unwrap().clone();
    assert_eq!(found.len(), 2, "{found:?}");
    assert_eq!(found[0]["code"], "unknown-function");
    // The columns are of UTF-16.
    assert_eq!(found[0]["range"]["start"], json!({"line": 1, "character": 11}));
    let range = found[1]["range"].clone();
    let params = json!({"textDocument": {"uri": URI}, "range": range, "context": {"diagnostics": []}});
    let actions = editor.ask("textDocument/codeAction", params);
    assert_eq!(actions[0]["edit"]["changes"][URI][0]["newText"], "substr", "{actions}");
    let found = editor.change(URI, "probe begin {\n  println(substr(\"x\", 1, 2))\n}\n");
    assert_eq!(found, json!([]));
    editor.end();
}

#[test]
fn arguments_that_nobody_knows_yet_are_no_mistake() {
    let mut editor = Editor::new(&[]);
    let found = editor.open(URI, "probe begin { printf(\"%s %d\\n\", @2, $1) exit() }\nprobe process(@1).begin { }\n");
    assert_eq!(found, json!([]));
    editor.end();
}

#[test]
fn words_have_a_meaning() {
    let mut editor = Editor::new(&[]);
    let text = "// Doubles.\nfunction twice(a) { return 2 * a }\nprobe syscall.read, timer.s(1) {\n  println(substr(\"abc\", twice(1), 1))\n  x = @count(y)\n}\nglobal y\nprobe kernel.trace(\"sched_switch\") { println($prev->pid) y <<< 1 }\n";
    editor.open(URI, text);
    let said = |answer: Value| answer["contents"]["value"].as_str().unwrap_or_default().to_owned();
    let hover = "textDocument/hover";
    let page = said(editor.at(hover, URI, 3, 12));
    assert!(page.contains("substr:string (s:string") && page.contains("*Returns*"), "{page}");
    assert_eq!(said(editor.at(hover, URI, 3, 26)), "```systap\nfunction twice(a) { return 2 * a }\n```\nDoubles.");
    let page = said(editor.at(hover, URI, 4, 8));
    assert!(page.contains("@count"), "{page}");
    let page = said(editor.at(hover, URI, 2, 16));
    assert!(page.contains("probe syscall.read") && page.contains("$count: size_t"), "{page}");
    let page = said(editor.at(hover, URI, 7, 47));
    assert!(page.contains("struct task_struct") && page.contains("$prev"), "{page}");
    // Blanks mean nothing.
    assert_eq!(editor.at(hover, URI, 5, 1), Value::Null);
    let there = editor.at("textDocument/definition", URI, 3, 26);
    assert_eq!(there[0]["range"]["start"], json!({"line": 1, "character": 9}), "{there}");
    let symbols = editor.ask("textDocument/documentSymbol", json!({"textDocument": {"uri": URI}}));
    let names: Vec<&str> = symbols.as_array().unwrap().iter().map(|symbol| symbol["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["twice", "syscall.read, ... timer.s(1)", "y", "kernel.trace(\"sched_switch\")"]);
    editor.end();
}

#[test]
fn what_could_stand_there_is_offered() {
    let mut editor = Editor::new(&[]);
    let text = "prob\nprobe syscall.op\nprobe kernel.\nprobe kernel.trace(\"sched_sw\nprobe vm.pagef\nprobe kernel.trace(\"sched_switch\") {\n  x = $\n  y = @co\n  sub\n}\n";
    editor.open(URI, text);
    let has =
        |labels: &[String], wanted: &str| assert!(labels.iter().any(|label| label == wanted), "{wanted}: {labels:?}");
    has(&editor.labels(URI, 0, 4), "probe");
    has(&editor.labels(URI, 1, 16), "openat");
    has(&editor.labels(URI, 2, 13), "trace(\"\")");
    has(&editor.labels(URI, 3, 28), "sched_switch");
    has(&editor.labels(URI, 4, 14), "pagefault");
    has(&editor.labels(URI, 6, 7), "$prev");
    has(&editor.labels(URI, 7, 9), "@count");
    has(&editor.labels(URI, 8, 5), "substr");
    editor.end();
}

#[test]
fn a_document_gets_the_one_form_unless_it_has_a_mistake() {
    let mut editor = Editor::new(&[]);
    let options = json!({"tabSize": 8, "insertSpaces": false});
    editor.open(URI, "probe begin{print( 1 )}\n");
    let edits = editor.ask("textDocument/formatting", json!({"textDocument": {"uri": URI}, "options": options}));
    assert_eq!(edits[0]["newText"], "probe begin { print(1) }\n");
    assert_eq!(edits[0]["range"]["end"], json!({"line": 1, "character": 0}));
    editor.change(URI, "probe begin{print( 1 }\n");
    let edits = editor.ask("textDocument/formatting", json!({"textDocument": {"uri": URI}, "options": options}));
    assert_eq!(edits, json!([]));
    editor.end();
}

/// Functions that nothing calls, aliases that nothing uses: that is what a tapset is.
#[test]
fn a_tapset_is_no_script_without_probes() {
    let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("tapsets/vm/scripts");
    let mut editor = Editor::new(&[]);
    for entry in std::fs::read_dir(scripts).unwrap() {
        let path = entry.unwrap().path();
        let uri = format!("file://{}", path.display());
        let found = editor.open(&uri, &std::fs::read_to_string(&path).unwrap());
        assert_eq!(found, json!([]), "{}", path.display());
    }
    let uri = format!("file://{}/tapsets/vm/scripts/new.stp", env!("CARGO_MANIFEST_DIR"));
    let found = editor
        .open(&uri, "function f() { return g(1) }\nprobe vm.x = kernel.trace(\"sched_switch\") { a = $nothing }\n");
    let codes: Vec<&str> = found.as_array().unwrap().iter().map(|found| found["code"].as_str().unwrap()).collect();
    assert!(codes.contains(&"unknown-function"), "{found}");
    editor.end();
}

#[test]
fn a_name_is_found_wherever_it_is_and_changed() {
    let mut editor = Editor::new(&[]);
    let text = "@define twice(x) %( (2 * @x) %)\nglobal cnt\nfunction f(a) { return a + cnt }\nprobe begin { a = f(1); cnt = @twice(a) println($a->cnt) }\n";
    editor.open(URI, text);
    let lines = |found: &Value| -> Vec<(u64, u64)> {
        let number = |one: &Value, what: &str| one["range"]["start"][what].as_u64().unwrap();
        let places = found.as_array().unwrap().iter();
        places.map(|one| (number(one, "line"), number(one, "character"))).collect()
    };
    let place = json!({"line": 1, "character": 8});
    let asked = json!({"textDocument": {"uri": URI}, "position": place, "context": {"includeDeclaration": true}});
    let found = editor.ask("textDocument/references", asked);
    assert_eq!(lines(&found), [(1, 7), (2, 27), (3, 24)], "{found}");
    // A local variable is one of its handler alone.
    let found = editor.at("textDocument/documentHighlight", URI, 3, 14);
    assert_eq!(lines(&found), [(3, 14), (3, 37)], "{found}");
    let found = editor.at("textDocument/definition", URI, 3, 32);
    assert_eq!(found["range"]["start"], json!({"line": 0, "character": 0}), "{found}");
    // A declaration is where its name is.
    let found = editor.at("textDocument/definition", URI, 3, 24);
    assert_eq!(found[0]["range"]["start"], json!({"line": 1, "character": 7}), "{found}");
    let place = json!({"line": 2, "character": 9});
    let asked = json!({"textDocument": {"uri": URI}, "position": place, "newName": "g"});
    let found = editor.ask("textDocument/rename", asked);
    assert_eq!(found["changes"][URI].as_array().map(Vec::len), Some(2), "{found}");
    let asked = json!({"textDocument": {"uri": URI}, "position": place, "newName": "if"});
    assert_eq!(editor.ask("textDocument/rename", asked), Value::Null);
    editor.end();
}

#[test]
fn a_point_that_was_meant_takes_the_place_of_all_of_it() {
    let mut editor = Editor::new(&[]);
    editor.open(URI, "probe timer.profil { }\n");
    let range = json!({"start": {"line": 0, "character": 0}, "end": {"line": 1, "character": 0}});
    let asked = json!({"textDocument": {"uri": URI}, "range": range, "context": {"diagnostics": []}});
    let actions = editor.ask("textDocument/codeAction", asked);
    for action in actions.as_array().unwrap() {
        let edit = &action["edit"]["changes"][URI][0];
        let (start, end) = (&edit["range"]["start"]["character"], &edit["range"]["end"]["character"]);
        let (start, end) = (start.as_u64().unwrap() as usize, end.as_u64().unwrap() as usize);
        let mut text = "probe timer.profil { }".to_owned();
        text.replace_range(start..end, edit["newText"].as_str().unwrap());
        assert_eq!(text, "probe timer.profile { }", "{action}");
    }
    assert_eq!(actions.as_array().map(Vec::len), Some(1), "{actions}");
    editor.end();
}

#[test]
fn the_protocol_is_kept_at_both_ends() {
    let mut editor = Editor::new(&[]);
    for nonsense in ["[]", "{}", "nonsense", "\u{fffd}"] {
        write!(editor.to, "Content-Length: {}\r\n\r\n{nonsense}", nonsense.len()).unwrap();
    }
    editor.ask("shutdown", Value::Null);
    assert_eq!(editor.ask_for_all("textDocument/hover", json!({}))["error"]["code"], -32600);
    editor.tell("exit", Value::Null);
    assert!(editor.server.wait().unwrap().success());
    let mut editor = Editor::new(&[]);
    editor.tell("exit", Value::Null);
    assert_eq!(editor.server.wait().unwrap().code(), Some(1));
    let mut editor = Editor::new(&[]);
    write!(editor.to, "Content-Length: 99999999999999\r\n\r\n").unwrap();
    assert_eq!(editor.server.wait().unwrap().code(), Some(1));
}

#[test]
fn nonsense_ends_nothing() {
    let mut editor = Editor::new(&[]);
    let answer = editor.ask_for_all("textDocument/hover", json!({"nonsense": true}));
    assert_eq!(answer["error"]["code"], -32602, "{answer}");
    let answer = editor.ask_for_all("workspace/nonsense", json!({}));
    assert_eq!(answer["error"]["code"], -32601, "{answer}");
    editor.tell("textDocument/didChange", json!({"nonsense": true}));
    assert_eq!(editor.at("textDocument/hover", "file:///not/open.stp", 99, 99), Value::Null);
    editor.open(URI, "probe begin { \u{0} \"");
    assert_eq!(editor.at("textDocument/hover", URI, 99, 99), Value::Null);
    editor.labels(URI, 0, 500);
    for text in ["probe", "probe k.", "probe a.{b", "%(", "@", "$", "probe a { @", "probe begin { x = \"", "/*", "}}}}"]
    {
        editor.change(URI, text);
        editor.labels(URI, 0, text.len() as u32);
        editor.at("textDocument/hover", URI, 0, text.len() as u32);
        editor.at("textDocument/definition", URI, 0, 0);
    }
    editor.end();
}
