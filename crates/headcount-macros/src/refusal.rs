//! An error at its place in the source.

use proc_macro::{Span, TokenStream, TokenTree};

/// What cannot be done, and where that is asked for.
#[derive(Debug)]
pub(crate) struct Refusal {
    span: Span,
    message: String,
}

impl Refusal {
    pub(crate) fn new(span: Span, message: impl Into<String>) -> Self {
        Self { span, message: message.into() }
    }

    pub(crate) fn at(token: Option<&TokenTree>, message: impl Into<String>) -> Self {
        Self::new(token.map_or_else(Span::call_site, TokenTree::span), message)
    }

    pub(crate) fn into_error(self) -> TokenStream {
        crate::at(self.span, &format!("::core::compile_error! {{ {:?} }}", self.message))
    }
}
