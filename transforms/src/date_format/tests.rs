use super::*;

/// 2024-06-01.
const NOW: i64 = 1_717_200_000_000;

fn parse(pattern: &str, text: &str) -> Option<i64> {
    DateFormat::at(pattern, NOW)
        .unwrap()
        .parse(text)
        .map(|(millis, _)| millis)
}

#[test]
fn texts_are_read_leniently() {
    for (pattern, text, expected) in [
        ("yyyy-MM-dd", "2024-02-30", Some(1_709_251_200_000)),
        ("yyyy-MM-dd", "2024-2-3 trailing", Some(1_706_918_400_000)),
        ("yyyy-MM-dd", "2019E1-01-01", Some(574_967_721_600_000)),
        ("yyMMdd", "240203", Some(1_706_918_400_000)),
        ("yyyyMMdd", " 2024 3 1", Some(-55_784_764_800_000)),
        (
            "EEE, dd MMM yyyy HH:mm:ss Z",
            "Sat, 03 Feb 2024 04:05:06 +0200",
            Some(1_706_925_906_000),
        ),
        (
            "yyyy-MM-dd'T'HH:mm:ssXXX",
            "2024-02-03T04:05:06+02:00",
            Some(1_706_925_906_000),
        ),
        ("yyyy-MM-dd z", "2024-02-03 PST", Some(1_706_947_200_000)),
        ("yyyy-DDD", "2024-060", Some(1_709_164_800_000)),
        ("yyyy-MM-dd", "-0001-01-01", Some(-62_198_928_000_000)),
        ("yyyyMMddHHmmssSSS", "20240203040506789", Some(1_706_933_106_789)),
        ("G yyyy", "BC 0044", Some(-63_524_304_000_000)),
        ("G yyyy", "Anno Domini 2000", Some(946_684_800_000)),
        ("LLL yyyy", "Mar 2024", Some(1_709_251_200_000)),
        ("MMddLLyyyy", "03050222024", Some(632_846_131_200_000)),
        ("HHz", "123UTC", Some(442_800_000)),
        ("HHE", "12Mon", Some(388_800_000)),
        ("MMMdd", "Mar12", Some(6_048_000_000)),
        ("uu yyyy", "2 2024", Some(1_704_153_600_000)),
        ("h a", "3 PM", Some(54_000_000)),
        ("h a", "3 p.m.", None),
        ("HHmmss", "1234", None),
        ("yyyy''MM", "2024'03", Some(1_709_251_200_000)),
        ("d", "NaN", Some(-86_400_000)),
        ("yyyy-MM-dd", "", None),
    ] {
        assert_eq!(parse(pattern, text), expected, "{pattern} {text}");
    }
}

#[test]
fn instants_are_written() {
    for (pattern, millis, expected) in [
        ("EEEE d MMMM yyyy", 1_704_427_506_007, "Friday 5 January 2024"),
        ("D F u W w Y", 1_704_427_506_007, "5 1 5 1 1 2024"),
        ("z zzzz Z X", 0, "UTC Coordinated Universal Time +0000 Z"),
        ("yy yyyyy SSSSSS S", 1_704_427_506_007, "24 02024 000007 7"),
        ("hh KK kk HH a", 0, "12 00 24 00 AM"),
        ("yyyy-MM-dd", 253_402_300_800_000, "10000-01-01"),
        ("yyyy-MM-dd G", -62_201_779_200_001, "0003-11-28 BC"),
        ("YYYY-'W'ww", 1_735_516_800_000, "2025-W01"),
        ("''yyyy'''x'", 0, "'1970'x"),
    ] {
        let mut out = String::new();
        DateFormat::at(pattern, NOW).unwrap().append(millis, None, &mut out);
        assert_eq!(out, expected, "{pattern}");
    }
}

#[test]
fn a_named_zone_comes_back() {
    let format = DateFormat::at("yyyy-MM-dd HH:mm z", NOW).unwrap();
    for text in ["2024-02-03 10:00 PST", "2024-07-03 10:00 CEST"] {
        let (millis, zone) = format.parse(text).unwrap();
        let mut out = String::new();
        format.append(millis, zone, &mut out);
        assert_eq!(out, text);
    }
}

#[test]
fn bad_patterns_are_refused() {
    for (pattern, text) in [
        ("bad", "Illegal pattern character 'b'"),
        ("XXXX", "invalid ISO 8601 format: length=4"),
        ("'a", "Unterminated quote"),
    ] {
        assert_eq!(DateFormat::at(pattern, NOW).unwrap_err().message(), Some(text));
    }
}
