//! Go: a second `Done` makes the counter negative and panics. Here the first one takes the token.
use headcount::WaitGroup;

fn main() {
    let group = WaitGroup::new();
    let token = group.add();
    token.done();
    token.done();
}
