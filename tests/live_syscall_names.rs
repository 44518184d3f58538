//! What system calls are given, under the names that manual pages and SystemTap's tapset have for it.

mod systap;

use systap::{can_trace, run};

/// What a script prints of what a command does, the lines in order.
fn traced(script: &str, command: &str) -> String {
    let outcome = run(["run", "-e", script, "-c", command]);
    outcome.exits(0);
    outcome.text()
}

#[test]
fn customary_names_hold_what_the_program_gave() {
    if !can_trace() {
        return eprintln!("skipped: only root can trace");
    }
    let script = r#"
        probe syscall.write { if (execname() == "sh") printf("%d %s %s %d\n", fd, buf_str, user_string_n(buf_uaddr, count), count) }
        probe syscall.kill { if (execname() == "sh") printf("%d %d %s %s\n", pid, sig, sig_name, argstr) }
        probe syscall.openat { if (filename_unquoted == "/dev/null") printf("%s %s %s %s\n", dfd_str, filename, flags_str, argstr) }
    "#;
    let printed = traced(script, "sh -c 'printf ab; kill -0 $$; : < /dev/null'");
    assert!(printed.contains("1 \"ab\" ab 2\n"), "{printed}");
    let kill = printed.lines().find(|line| line.ends_with(" 0") && line.contains(" 0 0 ")).unwrap_or_default();
    let pid = kill.split(' ').next().unwrap_or_default();
    assert_eq!(kill, format!("{pid} 0 0 {pid}, 0"), "{printed}");
    assert!(printed.contains("AT_FDCWD \"/dev/null\" O_RDONLY AT_FDCWD, \"/dev/null\", O_RDONLY\n"), "{printed}");
}

#[test]
fn what_a_program_is_started_with_is_told() {
    if !can_trace() {
        return eprintln!("skipped: only root can trace");
    }
    let script = r#"probe syscall.execve { if (pid() != target()) println(filename, " ", args, " ", argstr) }"#;
    let printed = traced(script, "sh -c '/bin/echo one \"two three\"; true'");
    assert!(
        printed.contains("\"/bin/echo\" /bin/echo one two three \"/bin/echo\", [/bin/echo one two three], 0x"),
        "{printed}"
    );
    // As many as there is room for.
    let many = traced(script, "sh -c '/bin/echo $(seq 1 100); true'");
    assert!(many.contains("/bin/echo 1 2 3 4"), "{many}");
}

#[test]
fn addresses_are_told_by_their_parts() {
    if !can_trace() {
        return eprintln!("skipped: only root can trace");
    }
    if systap::program("bash").is_none() {
        return eprintln!("skipped: there is no bash, which can connect");
    }
    let script = r#"probe syscall.connect { if (uaddr_af == "AF_INET") printf("%d %s %s %s\n", serv_addr_uaddr != 0, uaddr_ip, uaddr_ip_port, uaddr_af) }"#;
    let printed = traced(script, "bash -c 'echo > /dev/tcp/127.0.0.1/9; true'");
    assert!(printed.contains("1 127.0.0.1 9 AF_INET\n"), "{printed}");
}

#[test]
fn a_name_that_a_call_does_not_have_is_told_with_those_that_it_has() {
    run(["check", "-e", "probe syscall.read { println(sockfd) }"])
        .exits(1)
        .complains(&["`syscall.read` has no `sockfd`", "its arguments are fd, buf, count"]);
}
