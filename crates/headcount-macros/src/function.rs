//! The function below the attribute, taken apart: its attributes, its name, what it returns, its body.

use std::iter::Peekable;

use proc_macro::token_stream::IntoIter;
use proc_macro::{Delimiter, Group, Ident, Span, TokenStream, TokenTree};

use crate::refusal::Refusal;

#[derive(Debug)]
pub(crate) struct Function {
    /// Those that the test keeps.
    pub(crate) attributes: TokenStream,
    /// `#[should_panic]`, with what is expected. The harness cannot judge it: to it an accusation is a panic like another.
    pub(crate) should_panic: Option<Option<TokenTree>>,
    pub(crate) is_async: bool,
    pub(crate) name: Ident,
    /// What it returns, if that is written.
    pub(crate) returned: Option<(Span, TokenStream)>,
    /// The braces.
    body: Group,
}

type Tokens = Peekable<IntoIter>;

impl Function {
    pub(crate) fn parse(function: TokenStream) -> Result<Self, Refusal> {
        let mut tokens = function.into_iter().peekable();
        let mut attributes = TokenStream::new();
        let mut should_panic = None;
        while let Some(hash) = tokens.next_if(|token| is_punct(token, '#')) {
            let Some(TokenTree::Group(attribute)) = tokens.next() else {
                return Err(Refusal::new(hash.span(), NOT_A_FUNCTION));
            };
            match path_of(&attribute).as_str() {
                "should_panic" => should_panic = Some(expected(&attribute)?),
                "test" | "core::prelude::v1::test" | "tokio::test" => {
                    let message = "`#[headcount::test]` makes it a test already: remove this attribute";
                    return Err(Refusal::new(attribute.span(), message));
                }
                _ => attributes.extend([hash, TokenTree::Group(attribute)]),
            }
        }
        // A test is called by nobody else: who may see it makes no difference.
        if tokens.next_if(|token| is_ident(token, "pub")).is_some() {
            tokens.next_if(|token| is_group(token, Delimiter::Parenthesis));
        }
        let is_async = tokens.next_if(|token| is_ident(token, "async")).is_some();
        match tokens.next() {
            Some(token) if is_ident(&token, "fn") => {}
            Some(token) if ["const", "unsafe", "extern"].iter().any(|word| is_ident(&token, word)) => {
                return Err(Refusal::new(
                    token.span(),
                    format!("a test cannot be `{token}`: write `fn` or `async fn`"),
                ));
            }
            other => return Err(Refusal::at(other.as_ref(), NOT_A_FUNCTION)),
        }
        let name = match tokens.next() {
            Some(TokenTree::Ident(name)) => name,
            other => return Err(Refusal::at(other.as_ref(), NOT_A_FUNCTION)),
        };
        match tokens.next() {
            Some(TokenTree::Group(given)) if given.delimiter() == Delimiter::Parenthesis => {
                if !given.stream().is_empty() {
                    return Err(Refusal::new(
                        given.span(),
                        "a test takes no arguments: nobody would give it any",
                    ));
                }
            }
            Some(token) if is_punct(&token, '<') => {
                return Err(Refusal::new(
                    token.span(),
                    "a test cannot be generic: nobody would choose its types",
                ));
            }
            other => return Err(Refusal::at(other.as_ref(), NOT_A_FUNCTION)),
        }
        let (returned, body) = returned_and_body(&mut tokens, &name)?;
        Ok(Self { attributes, should_panic, is_async, name, returned, body })
    }

    /// The function itself, to stand inside the test.
    pub(crate) fn inner(&self) -> TokenStream {
        let mut inner = TokenStream::new();
        if self.is_async {
            inner.extend(crate::at(self.name.span(), "async"));
        }
        inner.extend(crate::at(self.name.span(), "fn"));
        inner.extend([TokenTree::Ident(self.name.clone())]);
        inner.extend(crate::at(self.name.span(), "()"));
        if let Some((_, returned)) = &self.returned {
            inner.extend(crate::at(self.name.span(), "->"));
            inner.extend(returned.clone());
        }
        inner.extend([TokenTree::Group(self.body.clone())]);
        inner
    }
}

const NOT_A_FUNCTION: &str =
    "`#[headcount::test]` stands before a function: `fn name() { .. }` or `async fn name() { .. }`";

type Returned = Option<(Span, TokenStream)>;

fn returned_and_body(tokens: &mut Tokens, name: &Ident) -> Result<(Returned, Group), Refusal> {
    let mut rest: Vec<TokenTree> = tokens.collect();
    let body = match rest.pop() {
        Some(TokenTree::Group(body)) if body.delimiter() == Delimiter::Brace => body,
        other => return Err(Refusal::at(other.as_ref(), format!("the test `{name}` has no body"))),
    };
    match rest.as_slice() {
        [] => Ok((None, body)),
        [minus, arrow, returned @ ..]
            if is_punct(minus, '-') && is_punct(arrow, '>') && !returned.is_empty() =>
        {
            Ok((Some((returned[0].span(), returned.iter().cloned().collect())), body))
        }
        [token, ..] => Err(Refusal::new(token.span(), "expected `->` or the body of the test")),
    }
}

/// What is expected of the panic, in `#[should_panic = ".."]` or `#[should_panic(expected = "..")]`.
fn expected(attribute: &Group) -> Result<Option<TokenTree>, Refusal> {
    let mut tokens: Vec<TokenTree> = attribute.stream().into_iter().skip(1).collect();
    if let [TokenTree::Group(inside)] = tokens.as_slice() {
        tokens = inside.stream().into_iter().filter(|token| !is_punct(token, ',')).collect();
        if !tokens.is_empty() && !is_ident(&tokens.remove(0), "expected") {
            return Err(Refusal::new(attribute.span(), "expected `#[should_panic(expected = \"..\")]`"));
        }
    }
    match tokens.as_slice() {
        [] => Ok(None),
        [equals, text @ TokenTree::Literal(_)] if is_punct(equals, '=') => Ok(Some(text.clone())),
        _ => Err(Refusal::new(attribute.span(), "expected `#[should_panic(expected = \"..\")]`")),
    }
}

/// `tokio::test` of `[tokio::test(..)]`.
fn path_of(attribute: &Group) -> String {
    let path = attribute.stream().into_iter().take_while(|token| match token {
        TokenTree::Ident(_) => true,
        other => is_punct(other, ':'),
    });
    path.map(|token| token.to_string()).collect::<String>().trim_start_matches(':').to_string()
}

pub(crate) fn is_punct(token: &TokenTree, c: char) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == c)
}

fn is_ident(token: &TokenTree, word: &str) -> bool {
    matches!(token, TokenTree::Ident(ident) if ident.to_string() == word)
}

fn is_group(token: &TokenTree, delimiter: Delimiter) -> bool {
    matches!(token, TokenTree::Group(group) if group.delimiter() == delimiter)
}
