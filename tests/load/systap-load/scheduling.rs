//! Loads on the scheduler: children, signals, moves between processors, sleeps, switches.

#![expect(unsafe_code, reason = "it forks, raises signals and moves itself by raw system calls")]

use std::{
    io::{Read, Write},
    time::Duration,
};

/// Runs the load of that name; none if there is none, false if the kernel refused it.
pub(crate) fn load(what: &str, count: usize) -> Option<bool> {
    Some(match what {
        // `count` children that end at once with status 3, each waited for.
        "forks" => (0..count).all(|_| fork()),
        // `count` times SIGUSR1 to itself.
        "signals" => signals(count),
        // `count` moves: to processor 1, back to 0, and so on.
        "migrations" => on_processor(0) && (1..=count).all(|round| on_processor(round % 2)),
        // `count` sleeps of 20 ms.
        "sleeps" => {
            (0..count).for_each(|_| std::thread::sleep(Duration::from_millis(20)));
            true
        }
        // Two threads on one processor that hand a byte to and fro `count` times: at least two switches each time.
        "switches" => on_processor(0) && switches(count),
        // `count` threads, each named `load-N`.
        "threads" => (0..count).all(|number| {
            std::thread::Builder::new().name(format!("load-{number}")).spawn(|| ()).is_ok_and(|it| it.join().is_ok())
        }),
        // `count` times 20 ms of work on processor 0, in two threads that compete for it.
        "compete" => on_processor(0) && compete(count),
        // Changes its nice value from 0 to `count`.
        // SAFETY: changes the nice value of this process alone.
        "nice" => unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, count as libc::c_int) == 0 },
        _ => return None,
    })
}

fn fork() -> bool {
    // SAFETY: the child ends at once.
    match unsafe { libc::fork() } {
        -1 => false,
        // SAFETY: ends the child without running what the parent registered.
        0 => unsafe { libc::_exit(3) },
        child => {
            let mut status = 0;
            // SAFETY: `status` lives through the call.
            unsafe { libc::waitpid(child, &raw mut status, 0) == child }
        }
    }
}

fn signals(count: usize) -> bool {
    // SAFETY: the handler does nothing.
    unsafe { libc::signal(libc::SIGUSR1, nothing as *const () as libc::sighandler_t) };
    // SAFETY: the signal has a handler.
    (0..count).all(|_| unsafe { libc::kill(libc::getpid(), libc::SIGUSR1) == 0 })
}

extern "C" fn nothing(_signal: libc::c_int) {}

fn on_processor(number: usize) -> bool {
    // SAFETY: the set is plain data, for which all zeros is the empty set; `number` is far below its size.
    unsafe {
        let mut set: libc::cpu_set_t = std::mem::zeroed();
        libc::CPU_SET(number, &mut set);
        libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &raw const set) == 0
    }
}

fn switches(count: usize) -> bool {
    let (Ok((mut from_child, mut to_parent)), Ok((mut from_parent, mut to_child))) = (std::io::pipe(), std::io::pipe())
    else {
        return false;
    };
    let other = std::thread::spawn(move || {
        let mut byte = [0];
        while from_parent.read_exact(&mut byte).is_ok() && to_parent.write_all(&byte).is_ok() {}
    });
    let mut byte = [0];
    let done = (0..count).all(|_| to_child.write_all(&byte).is_ok() && from_child.read_exact(&mut byte).is_ok());
    drop(to_child);
    done && other.join().is_ok()
}

fn compete(count: usize) -> bool {
    let until = std::time::Instant::now() + Duration::from_millis(20 * count as u64);
    let work = move || while std::time::Instant::now() < until {};
    let other = std::thread::spawn(work);
    work();
    other.join().is_ok()
}
