//! The page of a timeline in a real browser: what a reader does with it, by mouse, wheel, finger and keyboard.
//!
//! A machine without Chromium runs nothing here, and says so. `HEADCOUNT_SCREENSHOTS=folder` keeps pictures to look at.
#![cfg(all(feature = "tokio", not(any(loom, shuttle))))]

mod chromium;
mod made;

use std::time::{Duration, Instant};

use chromium::{Chromium, Page};

/// Runs `test` in a browser, if there is one.
fn in_browser(test: impl FnOnce(&Chromium)) {
    match Chromium::launch() {
        Some(chromium) => test(&chromium),
        None => eprintln!("SKIPPED: no chromium on this machine; the timeline's page was NOT tried out"),
    }
}

/// Where the middle of a member's bar is, on the page.
fn place_of(page: &Page<'_>, member: u64) -> (f64, f64) {
    let place = page.evaluate(&format!(
        "(() => {{ const box = document.getElementById('chart').getBoundingClientRect();
           const [x, y] = timeline.position({}); return [box.left + x, box.top + y]; }})()",
        member - 1
    ));
    (place[0].as_f64().unwrap(), place[1].as_f64().unwrap())
}

fn shown(page: &Page<'_>) -> f64 {
    page.evaluate("timeline.view.to - timeline.view.from").as_f64().unwrap()
}

fn details(page: &Page<'_>) -> String {
    page.evaluate("document.getElementById('details').innerText").as_str().unwrap().to_owned()
}

#[test]
fn members_are_shown_chosen_searched_and_zoomed() {
    in_browser(|chromium| {
        let file = made::page("small", &made::small());
        let page = chromium.open(&file, 1280, 900);
        page.scheme("light");
        assert_eq!(page.evaluate("timeline.count"), made::MEMBERS);
        assert_eq!(page.evaluate("document.querySelectorAll('#failures li').length"), 3);

        // The pointer over a bar, and a click on it.
        let (x, y) = place_of(&page, made::FAILS);
        page.mouse("mouseMoved", x, y);
        page.until("!document.getElementById('tip').hidden");
        let tip = page.evaluate("document.getElementById('tip').innerText");
        let tip = tip.as_str().unwrap();
        for wanted in ["failed", "no route to host", "made.rs", "waited", "spawned"] {
            assert!(tip.contains(wanted), "{wanted:?} is not in {tip:?}");
        }
        page.screenshot("light");
        page.click(x, y);
        page.until(&format!("timeline.chosen.at === {}", made::FAILS - 1));
        assert!(details(&page).contains("no route to host"), "{}", details(&page));

        // Why one was cancelled.
        page.evaluate(&format!("timeline.show({})", made::CANCELLED - 1));
        page.until("document.getElementById('details').innerText.includes('the shop closes')");

        // The wheel zooms around the pointer; a drag moves; the button shows everything again.
        let all = shown(&page);
        page.wheel(x, y, -600.0);
        page.until(&format!("timeline.view.to - timeline.view.from < {all} * 0.7"));
        let before = page.evaluate("timeline.view.from").as_f64().unwrap();
        page.drag((x, y), (x - 160.0, y));
        page.until(&format!("timeline.view.from > {before}"));
        page.click_on("fit");
        page.until(&format!("timeline.view.to - timeline.view.from === {all}"));
        // As often out as in shows everything again, however the steps are rounded.
        for steps in 1..=6 {
            for _ in 0..steps {
                page.click_on("zoom-in");
            }
            page.until(&format!("timeline.view.to - timeline.view.from < {all}"));
            for _ in 0..steps {
                page.click_on("zoom-out");
            }
            page.until(&format!("timeline.view.to - timeline.view.from === {all}"));
        }

        // Searching by name and by place.
        page.click_on("search");
        page.type_text("sku 3");
        page.until("document.getElementById('found').textContent === '11 of 42'");
        page.screenshot("search");
        page.evaluate("(() => { const box = document.getElementById('search'); box.value = 'made.rs'; box.dispatchEvent(new Event('input')); })()");
        page.until("timeline.matches().size === 42");

        // Dark is only a click away, and is not light.
        let light = page.evaluate("getComputedStyle(document.body).backgroundColor");
        page.click_on("theme");
        assert_ne!(page.evaluate("getComputedStyle(document.body).backgroundColor"), light);
        page.screenshot("dark");
        page.is_quiet();
    });
}

#[test]
fn the_page_can_be_used_without_a_mouse() {
    in_browser(|chromium| {
        let file = made::page("keys", &made::small());
        let page = chromium.open(&file, 1280, 900);
        let all = shown(&page);
        page.key("f");
        page.until("timeline.chosen.at >= 0");
        let first = details(&page);
        assert!(first.contains("failed") || first.contains("panicked"), "{first}");
        page.key("f");
        page.until(&format!("document.getElementById('details').innerText !== {}", serde_json::json!(first)));
        page.key("+");
        page.until(&format!("timeline.view.to - timeline.view.from < {all}"));
        // Arrows move the chart when it has the focus, which Tab gives it.
        page.evaluate("document.getElementById('theme').focus()");
        page.key("Tab");
        page.until("document.activeElement.id === 'chart'");
        let before = page.evaluate("timeline.view.from").as_f64().unwrap();
        page.key("Home");
        page.until("timeline.view.from === 0");
        page.key("ArrowRight");
        page.until(&format!("timeline.view.from > 0 || {before} < 0"));
        page.key("0");
        page.until(&format!("timeline.view.to - timeline.view.from === {all}"));
        // A search from the keyboard, its matches, and out again.
        page.key("/");
        page.until("document.activeElement.id === 'search'");
        page.type_text("deaf");
        page.until("timeline.matches().size === 1");
        page.key("Enter");
        page.until("document.getElementById('details').innerText.includes('deaf')");
        page.key("Escape");
        page.until("timeline.matches() === null && document.activeElement.id === 'chart'");
        page.key("t");
        page.until("document.documentElement.dataset.theme !== undefined");
        page.is_quiet();
    });
}

#[test]
fn texts_of_members_stay_texts() {
    in_browser(|chromium| {
        let file = made::page("hostile", &made::hostile());
        let page = chromium.open(&file, 1280, 900);
        assert_eq!(page.evaluate("window.owned === undefined"), true);
        assert_eq!(page.evaluate("document.getElementById('title').textContent.includes('</title>')"), true);
        page.evaluate("timeline.show(0)");
        page.until("document.getElementById('details').innerText.includes('</script>')");
        assert_eq!(page.evaluate("document.querySelectorAll('img, iframe, link, [src], [href]').length"), 0);
        page.is_quiet();
    });
}

#[test]
fn a_timeline_of_nobody_is_a_page_too() {
    in_browser(|chromium| {
        let file = made::page("nobody", &made::crowd(0));
        let page = chromium.open(&file, 1280, 900);
        assert_eq!(page.evaluate("timeline.count"), 0);
        for key in ["+", "0", "n", "p", "f", "t"] {
            page.key(key);
        }
        assert_eq!(page.evaluate("document.getElementById('summary').textContent"), "0 members in 0 ns");
        page.is_quiet();
    });
}

#[test]
fn a_phone_shows_everything_without_scrolling_sideways() {
    in_browser(|chromium| {
        let file = made::page("phone", &made::small());
        let page = chromium.open(&file, 390, 844);
        page.scheme("dark");
        page.until("document.documentElement.dataset.theme === 'dark'");
        let wide = page.evaluate("document.documentElement.scrollWidth").as_f64().unwrap();
        assert!(wide <= 390.0, "{wide} wide");
        let fine = "[...document.querySelectorAll('button, input')].every((each) => {
            const box = each.getBoundingClientRect(); return box.left >= 0 && box.right <= 390; })";
        assert_eq!(page.evaluate(fine), true);
        // A finger's tap.
        let (x, y) = place_of(&page, made::FAILS);
        page.tap(x, y);
        page.until(&format!("timeline.chosen.at === {}", made::FAILS - 1));
        page.screenshot("phone");
        page.is_quiet();
    });
}

#[test]
fn ten_thousand_members_are_a_small_page_that_opens_at_once() {
    in_browser(|chromium| {
        let html = made::crowd(10_000);
        assert!(html.len() < 5_000_000, "{} bytes", html.len());
        let file = made::page("crowd", &html);
        let begun = Instant::now();
        let page = chromium.open(&file, 1280, 900);
        assert_eq!(page.evaluate("timeline.count"), 10_000);
        let drawn = page.evaluate("performance.now()").as_f64().unwrap();
        println!("{} bytes; opened in {:?}, {drawn:.0} ms by the page's clock", html.len(), begun.elapsed());
        // The aim is two seconds. What is asserted has room for a machine that does other things as well.
        assert!(begun.elapsed() < Duration::from_secs(60));
        page.screenshot("crowd");
        page.evaluate("timeline.show(5000)");
        page.wheel(600.0, 500.0, -2000.0);
        page.screenshot("crowd-near");
        page.is_quiet();
    });
}
