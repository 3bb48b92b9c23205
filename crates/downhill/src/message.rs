//! Words from elsewhere in the messages of errors.

use alloc::string::String;

/// Escapes control characters except line feeds and tabs, so that quoted text cannot control a
/// terminal.
pub(crate) fn escaped(message: String) -> String {
    let acts = |letter: char| letter.is_control() && !matches!(letter, '\n' | '\t');
    if !message.contains(acts) {
        return message;
    }
    let mut shown = String::with_capacity(message.len() + 8);
    for letter in message.chars() {
        match acts(letter) {
            true => shown.extend(letter.escape_default()),
            false => shown.push(letter),
        }
    }
    shown
}
