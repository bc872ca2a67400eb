//! The golden cases: what the Java classes answered is what the plugins answer.

use turnbuckle_tests::golden;

#[test]
fn plugins_answer_as_recorded() {
    let summary = golden::run(&golden::default_dir(), &golden::plugins()).unwrap_or_else(|message| panic!("{message}"));
    assert!(summary.passed > 0, "no case was run: {summary:?}");
    assert_eq!(summary.failed, 0, "the failures are printed above");
}
