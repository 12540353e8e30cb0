//! As much of an X.509 certificate as tells why a connection will fail: its version and its validity (RFC 5280, 4.1). Nothing is verified.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;

/// A certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Certificate {
    /// The version, from 1.
    pub(crate) version: u8,
    /// When it begins to be valid.
    pub(crate) from: Timestamp,
    /// When it ceases to be valid.
    pub(crate) until: Timestamp,
}

/// The certificates in a text of PEM, in its order; those that cannot be read are left out.
pub(crate) fn certificates(pem: &str) -> Vec<Certificate> {
    let blocks = pem.split("-----BEGIN CERTIFICATE-----").skip(1);
    let body = blocks.filter_map(|block| block.split_once("-----END CERTIFICATE-----"));
    let decoded = body.filter_map(|(text, _)| {
        let text: String = text.chars().filter(|letter| !letter.is_whitespace()).collect();
        STANDARD.decode(text).ok()
    });
    decoded.filter_map(|der| parse(&der)).collect()
}

/// Tags of DER (X.690).
const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 0x02;
const VERSION: u8 = 0xa0;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;

fn parse(der: &[u8]) -> Option<Certificate> {
    let (whole, _) = tagged(der, SEQUENCE)?;
    let (mut fields, _) = tagged(whole, SEQUENCE)?;
    let mut version = 1;
    if let Some((explicit, rest)) = tagged(fields, VERSION) {
        let (number, _) = tagged(explicit, INTEGER)?;
        (version, fields) = (number.last()?.checked_add(1)?, rest);
    }
    // The serial number, the algorithm of the signature, the issuer.
    let (_, rest) = tagged(fields, INTEGER)?;
    let (_, rest) = tagged(rest, SEQUENCE)?;
    let (_, rest) = tagged(rest, SEQUENCE)?;
    let (validity, _) = tagged(rest, SEQUENCE)?;
    let (from, rest) = moment(validity)?;
    let (until, _) = moment(rest)?;
    Some(Certificate { version, from, until })
}

/// The content of an element that has this tag, and what follows it.
fn tagged(der: &[u8], expected: u8) -> Option<(&[u8], &[u8])> {
    let (tag, content, rest) = element(der)?;
    (tag == expected).then_some((content, rest))
}

fn element(der: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (tag, rest) = der.split_first()?;
    let (first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(*first), rest),
        0x81..=0x84 => {
            let (digits, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            (digits.iter().fold(0_usize, |sum, byte| sum << 8 | usize::from(*byte)), rest)
        }
        _ => return None,
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((*tag, content, rest))
}

/// A time: `YYMMDDHHMMSSZ`, in which years from 50 are of the last century, or with four digits for the year.
fn moment(der: &[u8]) -> Option<(Timestamp, &[u8])> {
    let (tag, content, rest) = element(der)?;
    let text = std::str::from_utf8(content).ok().filter(|text| text.is_ascii())?;
    let text = match tag {
        UTC_TIME if text.get(..2)? < "50" => format!("20{text}"),
        UTC_TIME => format!("19{text}"),
        GENERALIZED_TIME => text.to_owned(),
        _ => return None,
    };
    let part = |range: std::ops::Range<usize>| text.get(range);
    let (date, clock) = (part(0..8)?, part(8..14)?);
    let (year, month, day) = (&date[..4], &date[4..6], &date[6..]);
    let written = format!("{year}-{month}-{day}T{}:{}:{}Z", &clock[..2], &clock[2..4], &clock[4..]);
    // A certificate without an end says 9999, which is later than any moment can be.
    let at = if year == "9999" { Timestamp::MAX } else { written.parse().ok()? };
    Some((at, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_a_certificate_is_left_out_whatever_it_is() {
        let der = [0x30, 0x82, 0xff, 0xff, 0x30, 0x80];
        for length in 0..der.len() {
            assert_eq!(parse(&der[..length]), None);
        }
        assert_eq!(certificates("-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----"), []);
        assert_eq!(certificates("-----BEGIN CERTIFICATE-----\nMAA="), []);
        assert_eq!(element(&[2, 0x84, 0xff, 0xff, 0xff, 0xff, 0]), None);
    }

    #[test]
    fn both_kinds_of_time_are_read() {
        let cases = [
            (UTC_TIME, "260102030405Z", "2026-01-02T03:04:05Z"),
            (UTC_TIME, "991231235959Z", "1999-12-31T23:59:59Z"),
            (GENERALIZED_TIME, "20510102030405Z", "2051-01-02T03:04:05Z"),
        ];
        for (tag, text, expected) in cases {
            let der = [&[tag, u8::try_from(text.len()).unwrap()], text.as_bytes()].concat();
            assert_eq!(moment(&der).unwrap().0.to_string(), expected);
        }
        for text in ["26010203", "2601020304éZ", "269902030405Z"] {
            let der = [&[UTC_TIME, u8::try_from(text.len()).unwrap()], text.as_bytes()].concat();
            assert_eq!(moment(&der), None, "{text}");
        }
    }
}
