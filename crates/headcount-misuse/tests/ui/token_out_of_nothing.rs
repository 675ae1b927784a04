//! A token proves that a member was registered; nobody else can make one.
use headcount::Token;

fn main() {
    let token = Token { entry: None };
    drop(token);
}
