//! Go: members that add to one plain variable. Here the second mutable borrow is refused.
use headcount::WaitGroup;

fn main() {
    let group = WaitGroup::new();
    let mut sum = 0;
    std::thread::scope(|scope| {
        for n in 0..10 {
            let token = group.add();
            scope.spawn(|| {
                sum += n * n;
                drop(token);
            });
        }
    });
    println!("{sum}");
}
