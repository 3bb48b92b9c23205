//! Words from elsewhere in the messages of errors.

use alloc::string::String;

/// The message with its control characters escaped, except those of lines, so that what it quotes
/// does not act on a terminal.
pub(crate) fn escaped(message: String) -> String {
    let acts = |letter: char| letter.is_control() && letter != '\n';
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
