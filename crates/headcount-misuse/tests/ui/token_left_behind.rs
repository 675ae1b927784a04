//! Go: a closure that shares what it should own. Here a thread cannot borrow a token that may be dropped before it ends.
use headcount::WaitGroup;

fn main() {
    let group = WaitGroup::new();
    let token = group.add();
    std::thread::spawn(|| {
        let _token = &token;
    });
    group.wait();
}
