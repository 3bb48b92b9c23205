//! Former names of settings in files, which are errors that give the current names.

use serde::Deserializer;
use serde::de::Error;

macro_rules! renamed {
    ($($function:ident: $old:literal is $new:literal,)+) => {
        $(
            pub(super) fn $function<'de, D: Deserializer<'de>>(_: D) -> Result<(), D::Error> {
                Err(D::Error::custom(concat!("`", $old, "` is now `", $new, "`")))
            }
        )+
    };
}

renamed! {
    calls: "calls" is "steps",
    most: "most" is "max_norm",
    part: "part" is "factor",
    least: "least" is "min_norm",
    kept: "kept" is "decay",
    every: "every" is "period",
    share: "share" is "alpha",
}

#[cfg(test)]
mod tests {
    use crate::DescentConfig;

    #[test]
    fn a_former_name_is_answered_with_the_present_one() {
        for (text, old, new) in [
            ("accumulate = { calls = 2 }", "calls", "steps"),
            (
                "gradients = [{ clip-global-norm = { most = 1.0 } }]",
                "most",
                "max_norm",
            ),
            (
                "gradients = [{ clip-adaptive = { part = 0.1 } }]",
                "part",
                "factor",
            ),
            (
                "gradients = [{ clip-adaptive = { factor = 0.1, least = 0.1 } }]",
                "least",
                "min_norm",
            ),
            ("weights = [{ ema = { kept = 0.9 } }]", "kept", "decay"),
            (
                "weights = [{ lookahead = { every = 5, alpha = 0.5 } }]",
                "every",
                "period",
            ),
            (
                "weights = [{ lookahead = { period = 5, share = 0.5 } }]",
                "share",
                "alpha",
            ),
        ] {
            let text = format!("optimizer.adam = {{}}\n{text}");
            let error = toml::from_str::<DescentConfig>(&text).unwrap_err();
            let expected = format!("`{old}` is now `{new}`");
            assert!(error.to_string().contains(&expected), "{error}");
        }
    }
}
