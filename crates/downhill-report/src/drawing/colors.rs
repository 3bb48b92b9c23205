//! Colors for light and dark backgrounds.

use std::fmt::Write as _;

/// The colors as CSS custom properties, and how the parts of a figure use them.
pub(crate) fn style(with_dark: bool) -> String {
    let mut css = variables(&LIGHT);
    if with_dark {
        let _ = write!(
            css,
            "@media screen and (prefers-color-scheme:dark){{{}}}",
            variables(&DARK)
        );
    }
    css.push_str(".base{--c:var(--base)}");
    for index in 0..METHOD_COLORS.len() {
        let _ = write!(css, ".m{index}{{--c:var(--m{index})}}");
    }
    css.push_str(include_str!("figure.css"));
    css
}

/// The same for a picture of its own on white: every color written out, as many programs that show
/// SVG know no custom properties, and only what the drawing uses. Rules that change others name
/// their class twice, so that they outdo those which here name a method's class as well.
pub(crate) fn picture_style(drawing: &str) -> String {
    let mut css = String::new();
    for rule in include_str!("figure.css").lines() {
        let class = rule
            .strip_prefix("svg .")
            .and_then(|rule| rule.split(['{', '.']).next());
        if class.is_some_and(|class| !is_used(drawing, class)) {
            continue;
        }
        let rule = written_out(rule);
        if !rule.contains("var(--c)") {
            css.push_str(&rule);
            continue;
        }
        let methods = METHOD_COLORS.iter().enumerate();
        let methods = methods.map(|(index, colors)| (format!("m{index}"), colors[LIGHT.column]));
        for (class, color) in methods.chain([("base".to_owned(), LIGHT.base)]) {
            if is_used(drawing, &class) {
                let rule = rule.replace("var(--c)", color);
                css.push_str(&rule.replacen("svg ", &format!("svg .{class} "), 1));
            }
        }
    }
    css
}

fn written_out(rule: &str) -> String {
    let colors = [
        ("background", LIGHT.background),
        ("panel", LIGHT.panel),
        ("ink", LIGHT.ink),
        ("muted", LIGHT.muted),
        ("rule", LIGHT.rule),
        ("train", LIGHT.train),
    ];
    let replace =
        |rule: String, (name, color): (&str, &str)| rule.replace(&format!("var(--{name})"), color);
    colors.into_iter().fold(rule.to_owned(), replace)
}

/// Whether an element of the drawing has this class.
fn is_used(drawing: &str, class: &str) -> bool {
    let mut lists = drawing.split("class=\"").skip(1);
    lists.any(|list| {
        let list = list.split('"').next().unwrap_or_default();
        list.split(' ').any(|one| one == class)
    })
}

fn variables(scheme: &Scheme) -> String {
    let mut css = format!(
        ":root{{--background:{};--panel:{};--ink:{};--muted:{};--rule:{};--train:{};--base:{}",
        scheme.background,
        scheme.panel,
        scheme.ink,
        scheme.muted,
        scheme.rule,
        scheme.train,
        scheme.base
    );
    for (index, colors) in METHOD_COLORS.iter().enumerate() {
        let _ = write!(css, ";--m{index}:{}", colors[scheme.column]);
    }
    css + "}"
}

/// Colors of one scheme: background, panel, text, secondary text, rules, training, baseline.
struct Scheme {
    background: &'static str,
    panel: &'static str,
    ink: &'static str,
    muted: &'static str,
    rule: &'static str,
    train: &'static str,
    base: &'static str,
    /// Position of the scheme's color in each entry of [`METHOD_COLORS`].
    column: usize,
}

const LIGHT: Scheme = Scheme {
    background: "#ffffff",
    panel: "#f5f6f8",
    ink: "#1b1f24",
    muted: "#545d68",
    rule: "#d0d6dd",
    train: "#6e7680",
    base: "#30363d",
    column: 0,
};

const DARK: Scheme = Scheme {
    background: "#14171a",
    panel: "#1d2125",
    ink: "#e6e8ea",
    muted: "#a9b1b9",
    rule: "#3d444c",
    train: "#98a1aa",
    base: "#dfe3e6",
    column: 1,
};

/// Colors of methods other than the baseline, after Okabe and Ito, for light and dark.
pub(crate) const METHOD_COLORS: [[&str; 2]; 8] = [
    ["#0072b2", "#56b4e9"],
    ["#b84e00", "#f08a3c"],
    ["#007a5a", "#2fc79a"],
    ["#a23e8c", "#e08bcb"],
    ["#7a6a00", "#e5d84a"],
    ["#5b4fc4", "#a99cff"],
    ["#b0123f", "#ff7f9b"],
    ["#1f7a8c", "#7fd6e8"],
];

#[cfg(test)]
mod tests {
    use super::*;

    /// Contrast by WCAG 2.2, 1 to 21.
    fn contrast(left: &str, right: &str) -> f64 {
        let luminance = |color: &str| -> f64 {
            let channel = |at: usize| {
                let value = f64::from(u8::from_str_radix(&color[at..at + 2], 16).unwrap()) / 255.0;
                if value <= 0.04045 {
                    value / 12.92
                } else {
                    ((value + 0.055) / 1.055).powf(2.4)
                }
            };
            0.2126 * channel(1) + 0.7152 * channel(3) + 0.0722 * channel(5)
        };
        let (left, right) = (luminance(left), luminance(right));
        (left.max(right) + 0.05) / (left.min(right) + 0.05)
    }

    /// What a reader sees of a color that lets some of the background through.
    fn blended(color: &str, background: &str, opacity: f64) -> String {
        let channel = |at: usize| {
            let of = |color: &str| f64::from(u8::from_str_radix(&color[at..at + 2], 16).unwrap());
            (opacity * of(color) + (1.0 - opacity) * of(background)).round() as u8
        };
        format!("#{:02x}{:02x}{:02x}", channel(1), channel(3), channel(5))
    }

    fn number(rule: &str, property: &str) -> Option<f64> {
        let declarations = rule.split_once('{')?.1.trim_end_matches('}').split(';');
        let mut values = declarations.filter_map(|declaration| declaration.split_once(':'));
        values.find(|(name, _)| *name == property)?.1.parse().ok()
    }

    #[test]
    fn text_and_lines_stand_out_from_both_backgrounds() {
        for scheme in [LIGHT, DARK] {
            for background in [scheme.background, scheme.panel] {
                for text in [scheme.ink, scheme.muted] {
                    assert!(contrast(text, background) >= 4.5, "{text} on {background}");
                }
                let methods = METHOD_COLORS.iter().map(|colors| colors[scheme.column]);
                for color in methods.chain([scheme.base, scheme.train]) {
                    assert!(
                        contrast(color, background) >= 3.0,
                        "{color} on {background}"
                    );
                }
            }
        }
    }

    /// Every rule of the figures: text in a color for text, and what is drawn in one that stands
    /// out, with the opacity that the rule gives it. Bands, boxes and the lines of a grid lie
    /// behind what they belong to and say nothing alone; halos are of the background's color.
    #[test]
    fn every_rule_of_a_figure_stands_out() {
        let behind = [
            "back",
            "grid",
            "halo",
            "band",
            "band-test",
            "band-train",
            "faint",
        ];
        let mut checked = 0;
        for rule in include_str!("figure.css").lines() {
            let class = rule
                .strip_prefix("svg ")
                .and_then(|rule| rule.split('{').next());
            let class = class.unwrap().trim_start_matches('.');
            let class = class.split('.').next().unwrap();
            if behind.contains(&class) {
                continue;
            }
            let opacity = number(rule, "opacity").unwrap_or(1.0);
            for scheme in [LIGHT, DARK] {
                let methods = METHOD_COLORS.iter().map(|colors| colors[scheme.column]);
                let colors: Vec<&str> = methods.chain([scheme.base]).collect();
                let known = [
                    ("fill:var(--ink)", vec![scheme.ink], 4.5),
                    ("fill:var(--muted)", vec![scheme.muted], 4.5),
                    ("fill:var(--c)", colors.clone(), 3.0),
                    ("stroke:var(--c)", colors, 3.0),
                    ("stroke:var(--train)", vec![scheme.train], 3.0),
                    ("stroke:var(--ink)", vec![scheme.ink], 3.0),
                    ("stroke:var(--muted)", vec![scheme.muted], 3.0),
                ];
                for (declaration, colors, least) in known {
                    let is_faint = declaration == "fill:var(--c)" && rule.contains("fill-opacity");
                    if !rule.contains(declaration) || is_faint {
                        continue;
                    }
                    for background in [scheme.background, scheme.panel] {
                        for color in &colors {
                            let seen = blended(color, background, opacity);
                            let found = contrast(&seen, background);
                            assert!(found >= least, "{class}: {color} on {background}: {found}");
                            checked += 1;
                        }
                    }
                }
            }
        }
        assert!(checked > 300, "{checked}");
    }

    #[test]
    fn a_picture_has_every_color_written_out_and_only_the_rules_it_needs() {
        let css =
            picture_style("<g class=\"m1\"><path class=\"line thin\"/></g><text class=\"small\">");
        assert!(!css.contains("var("), "{css}");
        assert!(css.contains("svg .m1 .line{stroke:#b84e00"), "{css}");
        assert!(
            css.contains("svg .small{") && css.contains("svg .thin.thin{"),
            "{css}"
        );
        assert!(
            !css.contains(".m0") && !css.contains(".base") && !css.contains(".band"),
            "{css}"
        );
    }
}
