//! Lua inside nginx's configuration (`…_by_lua_block { … }`): only where it ends. Its quotes, comments and braces are not nginx's.

use std::iter::Peekable;
use std::str::Chars;

/// Goes on to behind the brace that closes the block, whose opening brace is behind us.
///
/// # Errors
/// That the text ends before it.
pub(super) fn skip(letters: &mut Peekable<Chars<'_>>) -> Result<(), String> {
    const ENDS: &str = "ends inside a block of Lua";
    let mut depth = 1;
    while depth > 0 {
        match letters.next().ok_or(ENDS)? {
            '{' => depth += 1,
            '}' => depth -= 1,
            quote @ ('"' | '\'') => loop {
                match letters.next().ok_or(ENDS)? {
                    '\\' => drop(letters.next()),
                    letter if letter == quote => break,
                    _ => {}
                }
            },
            '[' => {
                long(letters).ok_or(ENDS)?;
            }
            '-' if letters.next_if_eq(&'-').is_some() => comment(letters).ok_or(ENDS)?,
            _ => {}
        }
    }
    Ok(())
}

/// Goes through a comment whose dashes are behind us. None: the text ends in it.
fn comment(letters: &mut Peekable<Chars<'_>>) -> Option<()> {
    if letters.next_if_eq(&'[').is_none() || !long(letters)? {
        while letters.next_if(|letter| *letter != '\n').is_some() {}
    }
    Some(())
}

/// Whether there was a long bracket, `[[ … ]]` or `[==[ … ]==]`, whose first letter is behind us; it is gone through. None: the
/// text ends in it.
fn long(letters: &mut Peekable<Chars<'_>>) -> Option<bool> {
    let mut signs = 0;
    while letters.next_if_eq(&'=').is_some() {
        signs += 1;
    }
    if letters.next_if_eq(&'[').is_none() {
        return Some(false);
    }
    // Signs since the last closing bracket.
    let mut seen: Option<usize> = None;
    loop {
        seen = match (letters.next()?, seen) {
            (']', Some(count)) if count == signs => return Some(true),
            (']', _) => Some(0),
            ('=', Some(count)) => Some(count + 1),
            _ => None,
        };
    }
}
