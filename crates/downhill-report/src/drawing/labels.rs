//! Text next to lines: its width, and its position, so that no two texts overlap.

/// Width of a text in SVG units in the widest usual font, DejaVu Sans, at this size.
pub(crate) fn text_width(text: &str, size: f64) -> f64 {
    let em: f64 = text.chars().map(character_width).sum();
    em * size
}

/// Share of the font's size that a character takes.
fn character_width(character: char) -> f64 {
    match character {
        'i' | 'j' | 'l' | '\'' => 0.28,
        ' ' | '.' | ',' | ':' | ';' | '|' | '/' | 'I' => 0.33,
        'f' | 'r' | 't' | '(' | ')' | '-' | '[' | ']' => 0.40,
        'c' | 's' | 'k' | 'v' | 'x' | 'y' | 'z' | 'J' | '_' => 0.57,
        'w' | '−' | '+' | '=' | '±' | '×' | '<' | '>' | '≤' | '→' => 0.84,
        'm' | 'M' | 'W' | '…' | '—' | '%' => 0.99,
        'A'..='Z' => 0.74,
        _ => 0.64,
    }
}

/// The text as far as it fits in this width; the end of a longer one is left out.
pub(crate) fn fitted(text: &str, width: f64, size: f64) -> String {
    if text_width(text, size) <= width {
        return text.to_owned();
    }
    let mut kept = String::new();
    for character in text.chars() {
        let longer = format!("{kept}{character}…");
        if text_width(&longer, size) > width {
            break;
        }
        kept.push(character);
    }
    format!("{}…", kept.trim_end())
}

/// The text in one line or two, each no wider than this; the end of a longer one is left out.
pub(crate) fn in_two_lines(text: &str, width: f64, size: f64) -> Vec<String> {
    if text_width(text, size) <= width {
        return vec![text.to_owned()];
    }
    let breaks = text
        .char_indices()
        .filter(|(_, character)| *character == ' ');
    let fits = |at: &usize| text_width(&text[..*at], size) <= width;
    match breaks.map(|(at, _)| at).rfind(fits) {
        Some(at) => vec![text[..at].to_owned(), fitted(&text[at + 1..], width, size)],
        None => vec![fitted(text, width, size)],
    }
}

/// Moves the middles of boxes apart so that none overlap and all lie between `top` and `bottom`, as
/// far as there is room. Their order stays that of their wanted middles.
pub(crate) fn apart(wanted: &[(f64, f64)], top: f64, bottom: f64) -> Vec<f64> {
    let mut order: Vec<usize> = (0..wanted.len()).collect();
    order.sort_by(|left, right| wanted[*left].0.total_cmp(&wanted[*right].0));
    // Boxes that would touch become one group around the mean of what its boxes want.
    let mut groups: Vec<Group> = Vec::new();
    for at in order {
        let (middle, height) = wanted[at];
        let mut group = Group {
            boxes: vec![at],
            middle,
            height,
        };
        group.keep_within(top, bottom);
        while let Some(above) = groups.last()
            && above.middle + above.height / 2.0 > group.middle - group.height / 2.0
        {
            let above = groups.pop().expect("it was just looked at");
            group = above.joined(group);
            group.keep_within(top, bottom);
        }
        groups.push(group);
    }
    let mut middles = vec![0.0; wanted.len()];
    for group in groups {
        let mut edge = group.middle - group.height / 2.0;
        for at in group.boxes {
            middles[at] = edge + wanted[at].1 / 2.0;
            edge += wanted[at].1;
        }
    }
    middles
}

struct Group {
    boxes: Vec<usize>,
    middle: f64,
    height: f64,
}

impl Group {
    fn joined(self, below: Self) -> Self {
        let number = (self.boxes.len() + below.boxes.len()) as f64;
        let wanted =
            self.middle * self.boxes.len() as f64 + below.middle * below.boxes.len() as f64;
        let mut boxes = self.boxes;
        boxes.extend(below.boxes);
        Self {
            boxes,
            middle: wanted / number,
            height: self.height + below.height,
        }
    }

    fn keep_within(&mut self, top: f64, bottom: f64) {
        let half = self.height / 2.0;
        self.middle = self.middle.min(bottom - half).max(top + half);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_keep_their_order_and_do_not_touch() {
        let wanted = [(50.0, 14.0), (52.0, 14.0), (10.0, 14.0), (99.0, 14.0)];
        assert_eq!(apart(&wanted, 0.0, 100.0), [44.0, 58.0, 10.0, 93.0]);
        let crowded = apart(&[(5.0, 14.0); 8], 0.0, 100.0);
        let steps = crowded.windows(2).map(|pair| pair[1] - pair[0]);
        assert!(
            steps.into_iter().all(|step| (step - 14.0).abs() < 1e-9),
            "{crowded:?}"
        );
    }

    #[test]
    fn text_is_cut_only_where_it_must_be() {
        assert_eq!(fitted("adam", 100.0, 12.0), "adam");
        assert!(fitted("dropout and a far too large rate", 100.0, 12.0).ends_with('…'));
        assert_eq!(
            in_two_lines("momentum at 0.9", 90.0, 12.0),
            ["momentum at", "0.9"]
        );
        assert_eq!(in_two_lines("adam", 80.0, 12.0), ["adam"]);
    }
}
