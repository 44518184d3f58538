//! `tokenize`: the string that a handler takes apart, as far as it has come. It must never outlive the handler.

/// What is left of the string.
#[derive(Debug, Default)]
pub(super) struct Tokens {
    rest: Option<Vec<u8>>,
}

impl Tokens {
    /// A string that has not been begun.
    pub(super) fn of(text: &[u8]) -> Tokens {
        Tokens { rest: Some(text.to_vec()) }
    }

    /// What is behind the next token and the delimiter that ends it.
    pub(super) fn rest_after(mut self, delimiters: &[u8]) -> Vec<u8> {
        self.next(&[], delimiters);
        self.rest.unwrap_or_default()
    }

    /// The next token that is not empty; "" if there is none. An `input` that is not empty begins anew.
    pub(super) fn next(&mut self, input: &[u8], delimiters: &[u8]) -> Vec<u8> {
        if !input.is_empty() {
            self.rest = Some(input.to_vec());
        }
        while let Some(mut token) = self.rest.take() {
            if let Some(end) = token.iter().position(|byte| delimiters.contains(byte)) {
                self.rest = Some(token.split_off(end + 1));
                token.truncate(end);
            }
            if !token.is_empty() {
                return token;
            }
        }
        vec![]
    }
}
