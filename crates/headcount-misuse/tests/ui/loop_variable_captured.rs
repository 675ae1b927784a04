//! Go before 1.22: every member sees the last value of the loop variable. Here a thread cannot borrow it at all.
use headcount::WaitGroup;

fn main() {
    let group = WaitGroup::new();
    for n in 0..10 {
        let _thread = group.spawn(|| println!("{n}"));
    }
    group.wait();
}
