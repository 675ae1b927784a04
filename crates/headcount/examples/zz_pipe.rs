use headcount::{Context, Pipeline, ok};
use std::time::Instant;
fn tiny(number: u64) -> u64 { let mixed = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9); mixed ^ (mixed >> 27) }
fn main() {
    let n: u64 = 1_000_000;
    for _ in 0..6 {
        let t = Instant::now();
        let p = Pipeline::source(0..n).stage("a", 2, |_, x| ok(tiny(x))).stage("b", 2, |_, x| ok(tiny(x))).stage("c", 2, |_, x| ok(tiny(x)));
        let m = p.meter();
        let s = p.run_fold(&Context::background(), 0u64, |a, b| a.wrapping_add(b)).unwrap();
        let e = t.elapsed();
        println!("threads {:.1} M/s {s}", n as f64 / e.as_secs_f64() / 1e6);
        if std::env::args().len() > 1 { println!("{}", m.report()); }
    }
    let rt = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    for _ in 0..6 {
        let t = Instant::now();
        let s = rt.block_on(async { tokio::spawn(async move {
            Pipeline::source(0..n).stage("a", 2, |_, x| ok(tiny(x))).stage("b", 2, |_, x| ok(tiny(x))).stage("c", 2, |_, x| ok(tiny(x)))
            .run_fold_async(&Context::background(), 0u64, |a, b| a.wrapping_add(b)).await.unwrap() }).await.unwrap() });
        let e = t.elapsed();
        println!("tasks {:.1} M/s {s}", n as f64 / e.as_secs_f64() / 1e6);
    }
}
