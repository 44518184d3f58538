//! `netfilter.hook("NF_INET_PRE_ROUTING").pf("NFPROTO_IPV4").priority("0")`: packets on their way through the network.

use super::{Point, Resolution, Resolved, bad_argument, kernel_refuses, string, text_of};
use crate::build::{self, Load};
use crate::elaboration::Elaboration;
use crate::scope::{EventFacts, OfferedValue};
use systap_diagnostics::{Diagnostic, Span, nearest};
use systap_ir::program::{Event, Expr, ExprKind, Space, Type, Width};
use systap_kernel::Kind;
use systap_syntax::ast::Component;

/// The protocol families, each by its new and its old name, with its number and the hooks that it has, in the order of their numbers (include/uapi/linux/netfilter.h,
/// netfilter_arp.h, netfilter_bridge.h).
const FAMILIES: [(&[&str], u32, &[&str]); 4] = [
    (&["NFPROTO_IPV4", "PF_INET"], 2, INTERNET),
    (&["NFPROTO_IPV6", "PF_INET6"], 10, INTERNET),
    (&["NFPROTO_ARP"], 3, &["NF_ARP_IN", "NF_ARP_OUT", "NF_ARP_FORWARD"]),
    (
        &["NFPROTO_BRIDGE", "PF_BRIDGE"],
        7,
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

/// How many hooks the families of the internet have; each has a name for both and one for each of them.
const INTERNET_HOOKS: usize = 5;

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
    let known = FAMILIES.iter().find(|(names, ..)| names.contains(&family_name.as_str()));
    let Some((_, family_number, hooks)) = known.or(FAMILIES.first().filter(|_| numbered)) else {
        let known = FAMILIES.iter().flat_map(|(names, ..)| names.iter().copied());
        let finding = bad_argument(family, format!("there is no protocol family `{family_name}`"));
        return Err(near(*finding, &family_name, known));
    };
    if !numbered && !hooks.contains(&hook_name.as_str()) && hook_name.parse::<u32>().is_err() {
        let finding = bad_argument(hook, format!("`{family_name}` has no hook `{hook_name}`"));
        return Err(near(*finding, &hook_name, hooks.iter().copied()));
    }
    let place = hooks.iter().position(|known| *known == hook_name);
    let number =
        place.map(|place| if hooks.len() > INTERNET_HOOKS * 2 { place % INTERNET_HOOKS } else { place } as u32);
    let priority = match point.word("priority") {
        None => 0,
        Some(priority) => priority_of(this, priority)?,
    };
    let event = Event::Packet {
        family: family_name.parse().unwrap_or(*family_number),
        hook: number.or_else(|| hook_name.parse().ok()).unwrap_or(0),
        priority,
    };
    let facts = EventFacts::Values(values(this, point.span)?);
    Ok(vec![Resolved { facts, ..Resolved::plain(text_of(&point.components), event) }])
}

fn priority_of(this: &Elaboration<'_>, component: &Component) -> Result<i32, Box<Diagnostic>> {
    let given = string(component).unwrap_or_default();
    // A name of `enum nf_ip_hook_priorities` and its like is as good as a number.
    let named = || {
        let btf = this.kernel.btf().ok().filter(|_| given.starts_with("NF_"))?;
        i32::try_from(btf.enumerator(&given).ok()??.1.value).ok()
    };
    given.parse().ok().or_else(named).ok_or_else(|| {
        bad_argument(component, format!("a priority is a number or one of the kernel's names, not `{given}`"))
    })
}

/// What the handler can ask: members of the state of the hook, and the packet.
fn values(this: &Elaboration<'_>, span: Span) -> Result<Vec<OfferedValue>, Box<Diagnostic>> {
    let btf = this.kernel.btf().map_err(|error| kernel_refuses(span, &error))?;
    let structure = |name: &str| btf.find(Kind::Struct, name).ok().flatten();
    let offset = |name: &str| {
        let members = btf.members(structure("nf_hook_state")?).ok()?;
        Some(i64::from(members.into_iter().find(|member| member.name == name)?.bit_offset / 8))
    };
    // include/linux/netfilter.h, should the kernel not tell.
    let of_state = |name: &str, width: Width, usual: i64| {
        let load =
            Load { offset: offset(name).unwrap_or(usual), width, signed: false, space: Space::Kernel, typed: false };
        build::load(span, argument(span, 0), load)
    };
    let value = |name: &str, value, pointee: Option<&str>| OfferedValue {
        name: name.into(),
        value,
        pointee: pointee.and_then(structure),
        settable: name == "$verdict" && this.guru,
    };
    Ok(vec![
        value("$hooknum", of_state("hook", Width::W1, 0), None),
        value("$hook", of_state("hook", Width::W1, 0), None),
        value("$pf", of_state("pf", Width::W1, 1), None),
        value("$skb", argument(span, 1), Some("sk_buff")),
        value("$in", of_state("in", Width::W8, 8), Some("net_device")),
        value("$out", of_state("out", Width::W8, 16), Some("net_device")),
        value("$verdict", build::long(span, ACCEPT), None),
    ])
}

/// `NF_ACCEPT` of include/uapi/linux/netfilter.h: what becomes of a packet unless somebody says otherwise.
const ACCEPT: i64 = 1;

fn argument(span: Span, index: u32) -> Expr {
    build::expr(span, Type::Long, ExprKind::Argument { index, pointer: false })
}

fn near<'n>(finding: Diagnostic, wanted: &str, known: impl Iterator<Item = &'n str> + Clone) -> Box<Diagnostic> {
    let listed = known.clone().collect::<Vec<_>>().join(", ");
    let finding = match nearest(wanted, known) {
        Some(near) => finding.with_label(format!("did you mean `{near}`?")),
        None => finding,
    };
    Box::new(finding.with_note(format!("there are {listed}")))
}
