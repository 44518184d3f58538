//! Packets on their way through the network, counted in a network namespace of the test's own.
#![expect(clippy::print_stderr, reason = "a test that is skipped says so")]

mod systap;

use systap::{Outcome, binary, can_trace, command, program, start};

/// Runs a script while `sender` runs, both in a network of their own that has nothing but the loopback device.
fn in_own_network(options: &str, text: &str, sender: &str) -> Option<Outcome> {
    if !can_trace() {
        return None;
    }
    if ["unshare", "ip", "bash"].iter().any(|name| program(name).is_none()) {
        eprintln!("skipped: no unshare, ip and bash here");
        return None;
    }
    let systap = binary().display();
    let line = format!("ip link set lo up && exec {systap} run {options} -e '{text}' -c '{sender}'");
    let mut shell = command("unshare");
    shell.args(["-n", "bash", "-c", &line]);
    let outcome = start(shell).wait();
    let complaints = outcome.complaints();
    // Before Linux 6.4 there are no such programs.
    if ["unshare failed", "this kernel has no", "Invalid argument"].iter().any(|why| complaints.contains(why)) {
        eprintln!("skipped: {complaints}");
        return None;
    }
    Some(outcome)
}

/// Sends so many packets of UDP, each with 20 + 8 bytes of headers and these.
fn send(count: u32, text: &str) -> String {
    format!("bash -c \"for i in {{1..{count}}}; do printf {text} >/dev/udp/127.0.0.1/9; done\"")
}

#[test]
fn each_packet_is_told_with_its_length_and_hook() {
    let text = "global seen
        probe netfilter.hook(\"NF_INET_LOCAL_OUT\").pf(\"NFPROTO_IPV4\") { seen[$hooknum, $skb->len, $verdict]++ }
        probe netfilter.hook(\"NF_INET_LOCAL_IN\").pf(\"NFPROTO_IPV4\").priority(\"5\") {
          if ($pf == 2 && !$out && kernel_string($in->name) == \"lo\") seen[$hooknum, $skb->len, $verdict]++
        }
        probe end { foreach ([hook+, length, verdict] in seen) if (length == 33) println(hook, verdict, seen[hook, length, verdict]) }";
    let Some(outcome) = in_own_network("", text, &send(25, "abcde")) else { return };
    // NF_INET_LOCAL_IN is 1, NF_INET_LOCAL_OUT 3; NF_ACCEPT is 1.
    outcome.prints("1125\n3125\n");
}

#[test]
fn what_a_guru_drops_does_not_arrive() {
    let text = "global left, come
        probe netfilter.hook(\"NF_INET_LOCAL_OUT\").pf(\"NFPROTO_IPV4\") {
          if ($skb->len == 33 && ++left > 10) $verdict = 0
        }
        probe netfilter.hook(\"NF_INET_LOCAL_IN\").pf(\"NFPROTO_IPV4\") { if ($skb->len == 33) come++ }
        probe end { println(left, \" \", come) }";
    let Some(outcome) = in_own_network("-g", text, &format!("{} 2>/dev/null", send(25, "abcde"))) else { return };
    // Who sends is told of it, by a status that is the command's.
    outcome.exits(1);
    assert_eq!(outcome.text(), "25 10\n", "{}", outcome.all());
}
