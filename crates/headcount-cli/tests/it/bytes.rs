//! Arguments are bytes: whatever they are, they arrive unchanged.

use crate::stage::headcount;

/// A small generator, so that a failure can be repeated (xorshift).
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// Bytes without NUL, mostly those that trouble somebody.
    fn bytes(&mut self) -> Vec<u8> {
        const TROUBLE: &[u8] = b" '\"\\\n\r\t{}$`*?;&|<>()!#%~-:\x1b\x7f\xff\xc3\x28.";
        let length = self.roll() % 24;
        (0..length)
            .map(|_| match self.roll() % 3 {
                0 => u8::try_from(self.roll() % 255 + 1).unwrap(),
                _ => TROUBLE[usize::try_from(self.roll()).unwrap() % TROUBLE.len()],
            })
            .collect()
    }

    fn inputs(&mut self, count: usize) -> Vec<u8> {
        let mut inputs = Vec::new();
        for _ in 0..count {
            inputs.extend(self.bytes());
            inputs.push(0);
        }
        inputs
    }
}

#[track_caller]
fn arrives(args: &[&str], inputs: Vec<u8>) {
    let seen = headcount(args).input(inputs.clone()).run();
    seen.ended(0);
    let (sent, came): (Vec<_>, Vec<_>) =
        (inputs.split(|&byte| byte == 0).collect(), seen.out.split(|&byte| byte == 0).collect());
    assert_eq!(sent.len(), came.len());
    for (sent, came) in sent.iter().zip(&came) {
        assert_eq!(sent, came);
    }
}

#[test]
fn a_thousand_and_a_half_arbitrary_inputs_arrive_unchanged() {
    let inputs = Dice(0x9e37_79b9_7f4a_7c15).inputs(1500);
    arrives(&["-0", "-j2", "--order", "input", "printf", "%s\\0", "{}"], inputs);
}

#[test]
fn appended_inputs_arrive_unchanged() {
    // printf takes a leading "--" for itself, so it is given one.
    arrives(&["-0", "-j2", "--order", "input", "printf", "--", "%s\\0"], Dice(42).inputs(300));
}

#[test]
fn inputs_arrive_unchanged_through_a_shell() {
    arrives(&["-0", "-j2", "--order", "input", "--shell", "printf '%s\\0' {} | cat"], Dice(7).inputs(300));
}

#[test]
fn inputs_in_lists_arrive_unchanged() {
    use std::os::unix::ffi::OsStringExt;
    let words: Vec<std::ffi::OsString> = Dice(99)
        .inputs(200)
        .split(|&byte| byte == 0)
        .map(|word| std::ffi::OsString::from_vec(word.to_vec()))
        .collect();
    let inputs: Vec<_> = words.into_iter().filter(|word| word != ":::").collect();
    let flags = ["-j2", "--order", "input", "printf", "%s\\0", "{}", ":::"].map(std::ffi::OsString::from);
    let seen = headcount(flags.iter().chain(&inputs)).run();
    seen.ended(0);
    let sent: Vec<u8> =
        inputs.iter().flat_map(|word| word.clone().into_vec().into_iter().chain([0])).collect();
    assert_eq!(seen.out, sent);
}
