//! What is chosen and what is refused, over registries that are made here.

use std::convert::Infallible;

use super::*;
use crate::index::made::entry;
use crate::when::Feature;

/// A registry in memory.
#[derive(Default)]
struct Made(BTreeMap<String, Rc<Tapset>>);

impl Made {
    fn of(entries: Vec<Entry>) -> Made {
        let mut all: BTreeMap<String, Tapset> = BTreeMap::new();
        for entry in entries {
            all.entry(entry.name.clone()).or_default().entries.push(entry);
        }
        let sorted = all.into_iter().map(|(name, mut tapset)| {
            tapset.entries.sort_by(|one, other| other.version.cmp(&one.version));
            (name, Rc::new(tapset))
        });
        Made(sorted.collect())
    }
}

impl Versions for Made {
    type Error = Infallible;

    fn versions(&self, name: &str) -> Result<Option<Rc<Tapset>>, Infallible> {
        Ok(self.0.get(name).cloned())
    }
}

/// A kernel of a release, with functions.
struct Kernel(&'static [u32], &'static [&'static str]);

impl KernelFacts for Kernel {
    fn has(&self, feature: Feature<'_>) -> bool {
        matches!(feature, Feature::Function(name) if self.1.contains(&name))
    }

    fn release(&self) -> Vec<u32> {
        self.0.to_vec()
    }

    fn arch(&self) -> String {
        "x86_64".to_owned()
    }
}

const NEW: Kernel = Kernel(&[6, 12, 1], &["vfs_read"]);

fn rules() -> Rules {
    Rules { abi: 1, strict: false, preferred: BTreeMap::new(), longest: Duration::from_secs(5) }
}

fn asked(text: &str) -> Vec<Request> {
    let one = |word: &str| {
        let (name, versions) = word.split_once('@').unwrap_or((word, "*"));
        Request { name: name.to_owned(), versions: versions.parse().unwrap() }
    };
    text.split(' ').map(one).collect()
}

fn chosen(requests: &str, made: &Made, kernel: &Kernel, rules: &Rules) -> Result<String, String> {
    match resolve(&asked(requests), made, kernel, rules) {
        Ok(chosen) => {
            let one =
                |chosen: &Chosen| format!("{} {} {}", chosen.entry.name, chosen.entry.version, chosen.judged.verdict);
            Ok(chosen.iter().map(one).collect::<Vec<_>>().join(", "))
        }
        Err(error) => Err(error.to_string()),
    }
}

fn needing(mut entry: Entry, needs: &str, tested: &str) -> Entry {
    entry.kernel.needs = (!needs.is_empty()).then(|| needs.to_owned());
    entry.kernel.tested = (!tested.is_empty()).then(|| tested.to_owned());
    entry
}

fn vm() -> Made {
    let mut other_machine = entry("vm", "2.1.0", &[]);
    other_machine.kernel.arch = vec!["aarch64".to_owned()];
    let mut other_abi = entry("vm", "2.2.0", &[]);
    other_abi.native = Some(crate::index::Native { abi: 2, targets: vec![] });
    Made::of(vec![
        needing(entry("vm", "1.0.0", &[]), "", ">=5.15, <6.2"),
        needing(entry("vm", "1.1.0", &[]), "", ">=6.1, <6.13"),
        needing(entry("vm", "1.2.0", &[]), "", ">=6.13"),
        needing(entry("vm", "2.0.0", &[]), "function(\"new\")", ""),
        other_machine,
        other_abi,
        entry("vm", "3.0.0-beta.1", &[]),
    ])
}

#[test]
fn the_kernel_chooses() {
    let made = vm();
    let on = |requests: &str, kernel: Kernel| chosen(requests, &made, &kernel, &rules()).unwrap();
    assert_eq!(on("vm", NEW), "vm 1.1.0 compatible");
    assert_eq!(on("vm", Kernel(&[5, 15], &[])), "vm 1.0.0 compatible");
    assert_eq!(on("vm", Kernel(&[6, 18], &["new"])), "vm 2.0.0 compatible");
    assert_eq!(on("vm", Kernel(&[5, 10], &[])), "vm 1.2.0 untested");
    assert_eq!(on("vm@^1.2", NEW), "vm 1.2.0 untested");
    assert_eq!(on("vm@>=3.0.0-beta", NEW), "vm 3.0.0-beta.1 compatible");
}

#[test]
fn refusals_are_told() {
    let strict = Rules { strict: true, ..rules() };
    let made = vm();
    let mut texts = vec![];
    for (requests, rules) in [("vm@2", &rules()), ("vm@^1.2", &strict), ("vm mv", &rules()), ("vm@9", &rules())] {
        texts.push(chosen(requests, &made, &NEW, rules).unwrap_err());
    }
    let early = Made::of(vec![entry("vm", "1.0.0-rc.1", &[])]);
    texts.push(chosen("vm", &early, &NEW, &rules()).unwrap_err());
    let diamond = Made::of(vec![
        entry("net", "1.0.0", &[("task", "^1")]),
        entry("net", "1.1.0", &[("task", "^1.2")]),
        entry("vm", "1.0.0", &[("task", "^2")]),
        entry("task", "1.2.0", &[]),
        entry("task", "2.0.0", &[]),
    ]);
    texts.push(chosen("net vm", &diamond, &NEW, &rules()).unwrap_err());
    insta::assert_snapshot!(texts.join("\n"));
}

#[test]
fn older_versions_are_taken_where_the_newest_do_not_go_together() {
    let made = Made::of(vec![
        entry("net", "1.0.0", &[("task", "^1")]),
        entry("net", "2.0.0", &[("task", "^2"), ("gone", "1")]),
        entry("vm", "1.0.0", &[("task", "^1.1")]),
        entry("task", "1.0.0", &[]),
        entry("task", "1.5.0", &[]),
        entry("task", "2.0.0", &[]),
    ]);
    let taken = chosen("net vm", &made, &NEW, &rules()).unwrap();
    assert_eq!(taken, "net 1.0.0 compatible, task 1.5.0 compatible, vm 1.0.0 compatible");
    let preferred = Rules { preferred: BTreeMap::from([("task".to_owned(), Version::new(1, 0, 0))]), ..rules() };
    assert!(chosen("net", &made, &NEW, &preferred).unwrap().contains("task 1.0.0"));
}

#[test]
fn what_is_yanked_is_not_taken_anew() {
    let mut made = vm();
    let mut tapset = Tapset::clone(&made.0["vm"]);
    let version = Version::new(1, 1, 0);
    let yank =
        crate::index::Yank { version: version.clone(), yanked: true, reason: Some("counts twice".to_owned()), at: 0 };
    tapset.yanks.insert(version.clone(), yank);
    made.0.insert("vm".to_owned(), Rc::new(tapset));
    assert_eq!(chosen("vm", &made, &NEW, &rules()).unwrap(), "vm 1.2.0 untested");
    assert!(
        chosen("vm@=1.1.0", &made, &NEW, &rules()).unwrap_err().contains("1.1.0         yanked        counts twice")
    );
    let preferred = Rules { preferred: BTreeMap::from([("vm".to_owned(), version)]), ..rules() };
    assert_eq!(chosen("vm", &made, &NEW, &preferred).unwrap(), "vm 1.1.0 compatible");
}

/// Numbers that look random and are the same each time.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, most: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % most as u64) as usize
    }
}

/// Whether versions are what is asked for and what they need themselves.
fn is_solution(requests: &[Request], chosen: &[Chosen]) -> bool {
    let meets = |name: &str, requirement: &VersionReq| {
        chosen.iter().any(|chosen| chosen.entry.name == name && requirement.matches(&chosen.entry.version))
    };
    requests.iter().all(|request| meets(&request.name, &request.versions))
        && chosen.iter().all(|one| one.entry.dependencies.iter().all(|(on, requirement)| meets(on, requirement)))
}

/// All ways to choose, tried.
fn has_solution(requests: &[Request], made: &Made) -> bool {
    fn extend(names: &[&String], made: &Made, chosen: &mut Vec<Chosen>, requests: &[Request]) -> bool {
        let Some((name, rest)) = names.split_first() else { return is_solution(requests, chosen) };
        if extend(rest, made, chosen, requests) {
            return true;
        }
        for entry in &made.0[*name].entries {
            chosen.push(Chosen { entry: entry.clone(), judged: judge(entry, None, &NEW, 1) });
            let found = extend(rest, made, chosen, requests);
            chosen.pop();
            if found {
                return true;
            }
        }
        false
    }
    let names: Vec<&String> = made.0.keys().collect();
    extend(&names, made, &mut vec![], requests)
}

/// A registry where each version needs others in ways that seldom go together.
fn tangled(numbers: &mut Numbers, names: usize, versions: u64, needs: usize) -> Made {
    let mut entries = vec![];
    for name in 0..names {
        for version in 0..versions {
            let mut made = entry(&format!("t{name}"), &format!("{version}.0.0"), &[]);
            for _ in 0..numbers.below(needs + 1) {
                let on = numbers.below(names);
                if on != name {
                    let lowest = numbers.below(versions as usize);
                    let text = if numbers.below(8) != 0 { format!("={lowest}.0.0") } else { format!(">={lowest}.0.0") };
                    made.dependencies.insert(format!("t{on}"), text.parse().unwrap());
                }
            }
            entries.push(made);
        }
    }
    Made::of(entries)
}

#[test]
fn the_solver_finds_what_trying_finds() {
    let mut numbers = Numbers(0x9e37_79b9_7f4a_7c15);
    let (mut solved, mut refused) = (0, 0);
    for _ in 0..300 {
        let made = tangled(&mut numbers, 6, 3, 4);
        let requests = asked("t0 t1 t2");
        match resolve(&requests, &made, &NEW, &rules()) {
            Ok(chosen) => {
                assert!(is_solution(&requests, &chosen), "{chosen:?}");
                solved += 1;
            }
            Err(ResolveError::Refused(_)) => {
                assert!(!has_solution(&requests, &made));
                refused += 1;
            }
            Err(error) => panic!("{error}"),
        }
    }
    assert!(solved > 30 && refused > 30, "{solved} solved, {refused} refused");
}

#[test]
fn what_takes_too_long_is_given_up() {
    let mut numbers = Numbers(7);
    let made = tangled(&mut numbers, 400, 12, 6);
    let patience = Rules { longest: Duration::from_millis(300), ..rules() };
    let begun = Instant::now();
    match resolve(&asked("t0 t1 t2 t3 t4 t5 t6 t7 t8 t9"), &made, &NEW, &patience) {
        Ok(chosen) => assert!(is_solution(&asked("t0 t1"), &chosen)),
        Err(ResolveError::TooLong(_) | ResolveError::Refused(_)) => {}
        Err(error) => panic!("{error}"),
    }
    assert!(begun.elapsed() < Duration::from_secs(20), "it goes on");
    let none = Rules { longest: Duration::ZERO, ..rules() };
    let stopped = resolve(&asked("t0"), &made, &NEW, &none);
    assert!(matches!(stopped, Err(ResolveError::TooLong(_))), "it has no time at all: {stopped:?}");
}
