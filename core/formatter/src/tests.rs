//! Every script of the project keeps its meaning and, once formatted, its form.

use std::path::{Path, PathBuf};

use systap_diagnostics::Sources;

use super::*;

fn formatted(text: &str) -> String {
    let mut sources = Sources::default();
    let file = sources.add("test.stp", text);
    match format(&sources, file) {
        Ok(once) => {
            let mut sources = Sources::default();
            let file = sources.add("again.stp", &once);
            let twice = format(&sources, file);
            assert_eq!(twice.ok().as_deref(), Some(once.as_str()), "formatted again it changes; from:\n{text}");
            once
        }
        Err(error) => panic!("{error}: {error:?}\n{text}"),
    }
}

#[test]
fn one_form() {
    insta::assert_snapshot!(formatted(
        "#!/usr/bin/env systap\n\n\n\n# about\nglobal  a,b [ 10 ],c%[3]=4 // x\nprobe   begin{a++;b[1,2]<<<3}\n\
probe kernel . function( \"f\" ) . call ?,timer.s( 1 ) , perf.sw.{cpu_clock , x}.sample( 3 )!if(a>1)\n{\n\n\nif(a==1&&!b)c= -1\n\
else if ( x ) { y() }\nelse\n  z( 1,2 )->foo [ 3 ]$$\n\n\n  foreach([k,v+]in arr @sum - limit 3){printf(\"%d\\n\",k,\n v)}\n\
for(;;){ }\nfor(i=0;i<3;i++) ;\nwhile ( 1 ) x--\ntry{a()}catch(e){b()} ;\ndelete a[1];; next return(1)\n\
@cast( x,\"a\" ) -> b . c = & $x->y ? 1:2\n}\nfunction f : long( a : string,b ):1{ return a . b }\nfunction g ( )%{ x %}\n"
    ));
}

#[test]
fn what_a_preprocessor_takes_or_leaves() {
    insta::assert_snapshot!(formatted(
        "@define m(a,b) %( @a +\n   @b %)\nglobal g %( $# >= 1 %? [$#] %: [1] %)\n%( kernel_v>=\"6.1\"&&CONFIG_X == \"y\" %?\n\
probe a{b( 1 )}\n%:\nprobe c{\n d( 1 )\n  %( arch==\"x86_64\" %? e()  %: f()  %)\n%( a(1)==2 %?\n  x=1\n  // last\n %:\n  y=2 %)\n}\n%)\n\
probe x=%( systemtap_v>=\"4\" %? kernel.function(\"a\") ? , %)kernel.function(\"b\"){ z = foo(%( 1 == 1 %? 1 %: 2 %),$1) }\n"
    ));
}

#[test]
fn macros_stand_for_points_strings_and_declarations() {
    insta::assert_snapshot!(formatted(
        "@declared( 1 )\nprobe a = @point( \"f\" ) ?,kernel.function( @prefix\"sys_read\" ).call{ printf(\"%d\"@sep \"%d\",a,b)\nx=@prefix \"y\" @z\n@stmt(1)@other }\n"
    ));
}

#[test]
fn comments_stay_where_they_were() {
    insta::assert_snapshot!(formatted(
        "/* a\n   b */ probe begin /* c */{ // d\n  // e\n\n  a() /* f */ ; b(1,// g\n 2) // h\n\n  // i\n}\n# j\n\n\n# k\n\
global aa   # one\nglobal bbbb # two\nglobal c # three\nfunction f(a /* l */, b) { if (a) // m\n b()\n // n\n else\n // o\n c() }\n// end"
    ));
}

#[test]
fn long_lines_end_where_the_least_is_torn_apart() {
    insta::assert_snapshot!(formatted(
        "probe kernel.function(\"aaaaaaaaaaaaaaaaaaaaaaaaaaaa\"), kernel.function(\"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb\"), kernel.function(\"c\") {\n\
if (aaaaaaaaaaaaaaaaaaaaaaa == bbbbbbbbbbbbbbbbbbbb || ccccccccccccccccccccccccccc(dddddddddd, eeeeeeeeeeeeee) && ffffffffffffff) printf(\"%d\\n\", aaaaaaaaaaaaaaa + bbbbbbbbbbbbbbbbb)\n\
foreach (k in a) { if (k) { printf(\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa %d\\n\", k) } }\n}\n"
    ));
}

#[test]
fn a_script_with_a_mistake_is_not_touched() {
    for wrong in ["probe {", "probe begin { x = \"abc }\n", "probe begin { ` }", "%( 1 == 1 %? probe begin { )"] {
        let mut sources = Sources::default();
        let file = sources.add("wrong", wrong);
        assert!(matches!(format(&sources, file), Err(FormatError::Mistakes(_))), "{wrong}");
    }
}

/// The scripts of the project, those of the tests that are wrong on purpose not counted.
fn scripts() -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut found = Vec::new();
    let mut folders: Vec<PathBuf> =
        ["examples", "tapsets", "core", "plugins", "tests", "src"].iter().map(|name| root.join(name)).collect();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let kind = path.extension().and_then(|kind| kind.to_str()).unwrap_or("");
            let text = || String::from_utf8_lossy(&std::fs::read(&path).unwrap()).into_owned();
            let texts = match kind {
                "stp" | "stpm" => vec![text()],
                "md" => fenced(&text()),
                _ => vec![],
            };
            for text in texts {
                let mut sources = Sources::default();
                let file = sources.add("script", text.as_str());
                if read(&sources, file, MAX_DEPTH, &|_| false).diagnostics.is_empty() {
                    found.push((path.clone(), text));
                }
            }
        }
    }
    assert!(found.len() > 600, "{} scripts are few", found.len());
    found
}

/// The scripts between the fences of a text.
fn fenced(text: &str) -> Vec<String> {
    let behind_fence = |part: &str| {
        part.split_once('\n').and_then(|(_, rest)| rest.split_once("\n```")).map(|(script, _)| format!("{script}\n"))
    };
    text.split("\n```stap").skip(1).filter_map(behind_fence).collect()
}

#[test]
fn all_scripts_of_the_project_keep_their_meaning() {
    for (path, text) in scripts() {
        let once = formatted(&text);
        let wide =
            once.lines().filter(|line| line.chars().count() > WIDTH && !line.contains(['"', '#', '/', '*', '@']));
        assert_eq!(wide.collect::<Vec<_>>(), Vec::<&str>::new(), "{}", path.display());
    }
}

#[test]
fn blanks_and_line_ends_of_any_kind_lead_to_a_form_that_stays() {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = |below: u64| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state % below
    };
    for (_, text) in scripts() {
        let mut mangled = String::new();
        for (kind, word) in systap_syntax::tokens(&text) {
            match (kind, random(3)) {
                (SyntaxKind::Whitespace, 0) => mangled.push('\n'),
                (SyntaxKind::Whitespace, _)
                    if !mangled.lines().last().is_some_and(|line| line.contains(['#', '/'])) =>
                {
                    mangled.push_str(if word.len() > 3 { "   " } else { " " });
                }
                _ => mangled.push_str(word),
            }
        }
        // A comment that was cut takes what follows with it: that is another script, and perhaps none.
        let mut sources = Sources::default();
        let file = sources.add("script", mangled.as_str());
        if read(&sources, file, MAX_DEPTH, &|_| false).diagnostics.is_empty() {
            formatted(&mangled);
        }
    }
}

#[test]
fn whatever_runs_can_be_formatted_however_deep() {
    let deep = format!("probe begin {{ {}x = 1{} }}\n", "if (1) { ".repeat(300), " }".repeat(300));
    let long = format!("probe begin {{ x = {} }}\n", (0..900).map(|n| format!("a{n}")).collect::<Vec<_>>().join(" + "));
    let work = move || (formatted(&deep), formatted(&long));
    let (deep, long) = std::thread::Builder::new().stack_size(64 << 20).spawn(work).unwrap().join().unwrap();
    assert_eq!(deep.lines().count(), 603);
    assert!(long.lines().all(|line| line.len() <= WIDTH));
}
