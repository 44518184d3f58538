//! `netfilter.hook("NF_INET_PRE_ROUTING").pf("NFPROTO_IPV4").priority("0")`: packets on their way through the network.

use super::{Point, Resolution, Resolved, bad_argument, string, text_of};
use crate::build;
use crate::elaboration::Elaboration;
use crate::scope::{EventFacts, OfferedValue};
use systap_diagnostics::nearest;
use systap_ir::program::{Event, ExprKind, Type};
use systap_kernel::Kind;

/// The protocol families, each by its old and its new name, with the hooks that it has (include/uapi/linux/netfilter.h,
/// netfilter_arp.h, netfilter_bridge.h).
const FAMILIES: [(&[&str], &[&str]); 4] = [
    (&["NFPROTO_IPV4", "PF_INET"], INTERNET),
    (&["NFPROTO_IPV6", "PF_INET6"], INTERNET),
    (&["NFPROTO_ARP"], &["NF_ARP_IN", "NF_ARP_OUT", "NF_ARP_FORWARD"]),
    (
        &["NFPROTO_BRIDGE", "PF_BRIDGE"],
        &[
            "NF_BR_PRE_ROUTING",
            "NF_BR_LOCAL_IN",
            "NF_BR_FORWARD",
            "NF_BR_LOCAL_OUT",
            "NF_BR_POST_ROUTING",
            "NF_BR_BROUTING",
        ],
    ),
];

const INTERNET: &[&str] = &[
    "NF_INET_PRE_ROUTING",
    "NF_INET_LOCAL_IN",
    "NF_INET_FORWARD",
    "NF_INET_LOCAL_OUT",
    "NF_INET_POST_ROUTING",
    "NF_IP_PRE_ROUTING",
    "NF_IP_LOCAL_IN",
    "NF_IP_FORWARD",
    "NF_IP_LOCAL_OUT",
    "NF_IP_POST_ROUTING",
    "NF_IP6_PRE_ROUTING",
    "NF_IP6_LOCAL_IN",
    "NF_IP6_FORWARD",
    "NF_IP6_LOCAL_OUT",
    "NF_IP6_POST_ROUTING",
];

pub(super) fn resolve<'a>(this: &mut Elaboration<'a>, point: &Point<'a>) -> Resolution {
    let (Some(hook), Some(family)) = (point.word("hook"), point.word("pf")) else { return Ok(vec![]) };
    let (hook_name, family_name) = (string(hook).unwrap_or_default(), string(family).unwrap_or_default());
    // A number is as good as a name, and says nothing of the hooks.
    let numbered = family_name.parse::<u32>().is_ok();
    let known = FAMILIES.iter().find(|(names, _)| names.contains(&family_name.as_str()));
    let Some((_, hooks)) = known.or(FAMILIES.first().filter(|_| numbered)) else {
        let known = FAMILIES.iter().flat_map(|(names, _)| names.iter().copied());
        let finding = bad_argument(family, format!("there is no protocol family `{family_name}`"));
        return Err(near(*finding, &family_name, known));
    };
    if !numbered && !hooks.contains(&hook_name.as_str()) && hook_name.parse::<u32>().is_err() {
        let finding = bad_argument(hook, format!("`{family_name}` has no hook `{hook_name}`"));
        return Err(near(*finding, &hook_name, hooks.iter().copied()));
    }
    if let Some(priority) = point.word("priority") {
        let given = string(priority).unwrap_or_default();
        // A name of `enum nf_ip_hook_priorities` and its like is as good as a number.
        if given.parse::<i32>().is_err() && !given.starts_with("NF_") {
            return Err(bad_argument(
                priority,
                format!("a priority is a number or one of the kernel's names, not `{given}`"),
            ));
        }
    }
    let (span, guru) = (point.span, this.guru);
    let btf = this.kernel.btf().ok();
    let structure = |name: &str| btf.and_then(|btf| btf.find(Kind::Struct, name).ok().flatten());
    let value = |index: u32, name: &str, pointee: Option<&str>| OfferedValue {
        name: name.into(),
        value: build::expr(span, Type::Long, ExprKind::Argument { index, pointer: false }),
        pointee: pointee.and_then(structure),
        settable: name == "$verdict" && guru,
    };
    let facts = EventFacts::Values(vec![
        value(0, "$hooknum", None),
        value(1, "$skb", Some("sk_buff")),
        value(2, "$in", Some("net_device")),
        value(3, "$out", Some("net_device")),
        value(4, "$verdict", None),
    ]);
    let event = Event::NotRun { what: "network filters" };
    Ok(vec![Resolved { facts, ..Resolved::plain(text_of(&point.components), event) }])
}

fn near<'n>(
    finding: systap_diagnostics::Diagnostic,
    wanted: &str,
    known: impl Iterator<Item = &'n str> + Clone,
) -> Box<systap_diagnostics::Diagnostic> {
    let listed = known.clone().collect::<Vec<_>>().join(", ");
    let finding = match nearest(wanted, known) {
        Some(near) => finding.with_label(format!("did you mean `{near}`?")),
        None => finding,
    };
    Box::new(finding.with_note(format!("there are {listed}")))
}
