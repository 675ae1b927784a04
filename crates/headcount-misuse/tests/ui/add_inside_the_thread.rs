//! Go: `wg.Add(1)` inside the goroutine, so that `Wait` may run before it. Here the thread can only be given a token
//! that exists already, and borrowing the group into a thread that may outlive it is refused.
use headcount::WaitGroup;

fn main() {
    let group = WaitGroup::new();
    std::thread::spawn(|| {
        let _token = group.add();
    });
    group.wait();
}
