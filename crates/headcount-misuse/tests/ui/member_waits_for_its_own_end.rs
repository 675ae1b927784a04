//! Go: a member that waits for its own group never ends. A token is no handle to the group: it cannot wait.
use headcount::WaitGroup;

fn main() {
    let group = WaitGroup::new();
    let token = group.add();
    std::thread::spawn(move || token.wait());
}
