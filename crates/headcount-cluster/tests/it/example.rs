//! The example is right.

use headcount_cluster::Memory;

#[path = "../../examples/word_count.rs"]
#[expect(dead_code, reason = "its command line is for people")]
mod word_count;

#[tokio::test]
async fn the_words_of_the_example_are_counted() {
    assert_eq!(word_count::count(Memory::new()).await.expect("it counts"), [5, 6, 6]);
}
