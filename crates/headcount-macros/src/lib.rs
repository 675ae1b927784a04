//! The attribute `#[headcount::test]`: a test that fails when it leaves somebody behind.
//!
//! It is used through the crate `headcount` (feature `testing`), whose documentation describes it. All it does is to
//! rewrite a function into a call of `headcount::testing::Check`; what a leak is, and who is accused, is decided there.
//!
//! | file | idea |
//! |---|---|
//! | here | the attribute, and the test that is written for it |
//! | `options` | what stands in its parentheses |
//! | `function` | the function below it, taken apart |
//! | `refusal` | an error at its place in the source |
//!
//! Parsed by hand: an attribute's four options and a function's head need no grammar of Rust, and every crate that has
//! tests would compile one.

mod function;
mod options;
mod refusal;

use proc_macro::{Delimiter, Group, Ident, Span, TokenStream, TokenTree};

use self::function::Function;
use self::options::Options;
use self::refusal::Refusal;

/// Makes a function a test that fails when anything launched in it is still out at its end, or when it takes too long.
///
/// Documented where it is used from: `headcount::test`.
#[proc_macro_attribute]
pub fn test(options: TokenStream, function: TokenStream) -> TokenStream {
    match write_test(options, function.clone()) {
        Ok(test) => test,
        // The function stays, so that nothing else is reported missing.
        Err(refusal) => [refusal.into_error(), function].into_iter().collect(),
    }
}

fn write_test(options: TokenStream, function: TokenStream) -> Result<TokenStream, Refusal> {
    let function = Function::parse(function)?;
    let options = Options::parse(options)?;
    if !function.is_async {
        options.refuse_runtime()?;
    } else if cfg!(not(feature = "tokio")) {
        return Err(Refusal::new(
            function.name.span(),
            "an async test needs a runtime: turn on the feature `tokio` of headcount",
        ));
    }

    let check = options.check();
    let name = &function.name;
    // What is wrong with the returned type is said there.
    let span = function.returned.as_ref().map_or(name.span(), |(span, _)| *span);
    let mut body = TokenStream::new();
    body.extend(function.inner());
    body.extend(match &function.should_panic {
        None => {
            let run = if function.is_async { "run_async" } else { "run" };
            let mut statement = at(span, &check);
            statement.extend(at(span, &format!(".{run}")));
            let call = match function.is_async {
                true => format!("|| async {{ ::std::process::Termination::report({name}().await) }}"),
                false => format!("|| ::std::process::Termination::report({name}())"),
            };
            statement.extend([group(Delimiter::Parenthesis, at(span, &call), span)]);
            statement
        }
        Some(expected) => {
            let run = if function.is_async { "should_panic_async" } else { "should_panic" };
            let expected = expected.as_ref().map_or_else(|| "\"\"".to_string(), ToString::to_string);
            let mut statement = at(span, &check);
            statement
                .extend(at(span, &format!(".{run}({expected}, {name}); ::std::process::ExitCode::SUCCESS")));
            statement
        }
    });

    let mut test = TokenStream::new();
    test.extend(at(Span::call_site(), "#[::core::prelude::v1::test]"));
    test.extend(function.attributes);
    test.extend([TokenTree::Ident(Ident::new("fn", name.span())), TokenTree::Ident(function.name)]);
    test.extend(at(Span::call_site(), "() -> ::std::process::ExitCode"));
    test.extend([group(Delimiter::Brace, body, Span::call_site())]);
    Ok(test)
}

/// Tokens that stand at `span`, for messages; names in them mean what they mean there.
fn at(span: Span, source: &str) -> TokenStream {
    fn moved(span: Span, tokens: TokenStream) -> TokenStream {
        tokens
            .into_iter()
            .map(|token| match token {
                TokenTree::Group(inside) => group(inside.delimiter(), moved(span, inside.stream()), span),
                mut token => {
                    token.set_span(span);
                    token
                }
            })
            .collect()
    }
    // Not user input: everything given is written above or in `options`, and checked there.
    moved(span, source.parse().expect("the macro writes Rust"))
}

fn group(delimiter: Delimiter, inside: TokenStream, span: Span) -> TokenTree {
    let mut group = Group::new(delimiter, inside);
    group.set_span(span);
    TokenTree::Group(group)
}
