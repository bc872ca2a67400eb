//! `#[derive(Config)]`: one struct gives parsing, defaults, validation, documentation and the REST form of its keys.
//!
//! Each field carries `#[config(…)]`:
//!
//! | attribute | meaning |
//! |---|---|
//! | `key = "a.b"` | the key; required |
//! | `required` | there is no default |
//! | `default = "text"` | default, read as a user's text would be; `Option` fields have null without it |
//! | `importance = High` | `High`, `Medium` (the default) or `Low` |
//! | `group = "G"` | group; `order` counts up from 1 in each group unless `order = n` says otherwise |
//! | `width = Long` | `None` (the default), `Short`, `Medium`, `Long` |
//! | `display = "Text"` | display name; the key without it |
//! | `dependents = ["x", "y"]` | keys whose recommendations depend on this one |
//! | `validator = EXPR` | a `turnbuckle_api::config::Validator` |
//! | `recommender = EXPR` | a `turnbuckle_api::config::Recommender` |
//!
//! The doc comment of a field is its documentation. `#[config(parse = path)]` on the struct names a
//! `fn(&Self) -> Result<()>` that checks several keys together after parsing.

use proc_macro::TokenStream;
use proc_macro2::TokenStream as Tokens;
use quote::quote;
use std::collections::HashMap;
use syn::{Data, DeriveInput, Expr, ExprLit, Fields, Ident, Lit, LitInt, LitStr, Path, Type, parse_macro_input};

#[proc_macro_derive(Config, attributes(config))]
pub fn derive_config(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    expand(&input).unwrap_or_else(|error| error.to_compile_error()).into()
}

#[derive(Default)]
struct KeyAttributes {
    key: Option<LitStr>,
    required: bool,
    default: Option<LitStr>,
    importance: Option<Ident>,
    group: Option<LitStr>,
    order: Option<LitInt>,
    width: Option<Ident>,
    display: Option<LitStr>,
    dependents: Vec<LitStr>,
    validator: Option<Expr>,
    recommender: Option<Expr>,
}

fn expand(input: &DeriveInput) -> syn::Result<Tokens> {
    let Data::Struct(data) = &input.data else {
        return Err(syn::Error::new_spanned(
            &input.ident,
            "Config can only be derived for structs",
        ));
    };
    let Fields::Named(fields) = &data.fields else {
        return Err(syn::Error::new_spanned(&input.ident, "Config needs named fields"));
    };
    let check = struct_check(input)?;
    let mut orders: HashMap<String, i32> = HashMap::new();
    let mut definitions = Vec::new();
    let mut readers = Vec::new();
    for field in &fields.named {
        let attributes = field_attributes(field)?;
        let name = field
            .ident
            .as_ref()
            .ok_or_else(|| syn::Error::new_spanned(field, "field without a name"))?;
        let key = attributes
            .key
            .clone()
            .ok_or_else(|| syn::Error::new_spanned(name, "#[config(key = \"…\")] is missing"))?;
        definitions.push(definition(field, &key, &attributes, &mut orders)?);
        let kind = &field.ty;
        readers.push(quote! {
            #name: <#kind as ::turnbuckle_api::config::ConfigField>::from_parsed(#key, parsed.get(#key))?
        });
    }
    let name = &input.ident;
    let checked = check.map(|path| quote! { #path(&config)?; });
    Ok(quote! {
        impl ::turnbuckle_api::config::Config for #name {
            fn config_def() -> &'static ::turnbuckle_api::config::ConfigDef {
                static DEF: ::std::sync::LazyLock<::turnbuckle_api::config::ConfigDef> = ::std::sync::LazyLock::new(|| {
                    let mut def = ::turnbuckle_api::config::ConfigDef::new();
                    #(#definitions)*
                    def
                });
                &DEF
            }

            fn from_props(props: &::turnbuckle_api::config::Props) -> ::turnbuckle_api::error::Result<Self> {
                let parsed = Self::config_def().parse(props)?;
                let config = Self { #(#readers),* };
                #checked
                Ok(config)
            }
        }
    })
}

fn struct_check(input: &DeriveInput) -> syn::Result<Option<Path>> {
    let mut check = None;
    for attribute in input
        .attrs
        .iter()
        .filter(|attribute| attribute.path().is_ident("config"))
    {
        attribute.parse_nested_meta(|meta| {
            if meta.path.is_ident("parse") {
                check = Some(meta.value()?.parse()?);
                return Ok(());
            }
            Err(meta.error("unknown attribute; on a struct only `parse = path` is known"))
        })?;
    }
    Ok(check)
}

fn field_attributes(field: &syn::Field) -> syn::Result<KeyAttributes> {
    let mut found = KeyAttributes::default();
    for attribute in field
        .attrs
        .iter()
        .filter(|attribute| attribute.path().is_ident("config"))
    {
        attribute.parse_nested_meta(|meta| {
            let name = meta.path.get_ident().map(ToString::to_string).unwrap_or_default();
            match name.as_str() {
                "key" => found.key = Some(meta.value()?.parse()?),
                "required" => found.required = true,
                "default" => found.default = Some(meta.value()?.parse()?),
                "importance" => found.importance = Some(meta.value()?.parse()?),
                "group" => found.group = Some(meta.value()?.parse()?),
                "order" => found.order = Some(meta.value()?.parse()?),
                "width" => found.width = Some(meta.value()?.parse()?),
                "display" => found.display = Some(meta.value()?.parse()?),
                "dependents" => found.dependents = string_list(&meta.value()?.parse()?)?,
                "validator" => found.validator = Some(meta.value()?.parse()?),
                "recommender" => found.recommender = Some(meta.value()?.parse()?),
                _ => return Err(meta.error("unknown attribute of a config key")),
            }
            Ok(())
        })?;
    }
    Ok(found)
}

fn string_list(expression: &Expr) -> syn::Result<Vec<LitStr>> {
    let refuse = || syn::Error::new_spanned(expression, "expected a list of strings");
    let Expr::Array(array) = expression else {
        return Err(refuse());
    };
    array
        .elems
        .iter()
        .map(|item| match item {
            Expr::Lit(ExprLit {
                lit: Lit::Str(text), ..
            }) => Ok(text.clone()),
            _ => Err(refuse()),
        })
        .collect()
}

fn definition(
    field: &syn::Field,
    key: &LitStr,
    attributes: &KeyAttributes,
    orders: &mut HashMap<String, i32>,
) -> syn::Result<Tokens> {
    let kind = &field.ty;
    let documentation = documentation(field);
    let importance = attributes
        .importance
        .clone()
        .unwrap_or_else(|| Ident::new("Medium", key.span()));
    let mut steps = Vec::new();
    match (&attributes.default, attributes.required) {
        (Some(text), false) => steps.push(quote! { key = key.default_from_text(#text); }),
        (None, true) => {}
        (None, false) if is_option(kind) => {
            steps.push(quote! { key = key.default(::turnbuckle_api::config::ParsedValue::Null); });
        }
        (Some(_), true) => return Err(syn::Error::new_spanned(key, "a required key has no default")),
        (None, false) => return Err(syn::Error::new_spanned(key, "say `required` or give a `default`")),
    }
    let width = attributes
        .width
        .clone()
        .unwrap_or_else(|| Ident::new("None", key.span()));
    steps.push(quote! { key.width = ::turnbuckle_api::config::Width::#width; });
    if let Some(group) = &attributes.group {
        let next = orders.entry(group.value()).or_insert(1);
        let order = match &attributes.order {
            Some(order) => order.base10_parse::<i32>()?,
            None => *next,
        };
        *next = order + 1;
        steps.push(quote! { key.group = Some(#group.to_string()); key.order = #order; });
    }
    if let Some(display) = &attributes.display {
        steps.push(quote! { key.display_name = #display.to_string(); });
    }
    let dependents = &attributes.dependents;
    if !dependents.is_empty() {
        steps.push(quote! { key = key.dependents(&[#(#dependents),*]); });
    }
    if let Some(validator) = &attributes.validator {
        steps.push(quote! { key = key.validator(#validator); });
    }
    if let Some(recommender) = &attributes.recommender {
        steps.push(quote! { key = key.recommender(#recommender); });
    }
    Ok(quote! {
        {
            let mut key = ::turnbuckle_api::config::ConfigKey::new(
                #key,
                <#kind as ::turnbuckle_api::config::ConfigField>::KIND,
                ::turnbuckle_api::config::Importance::#importance,
                #documentation,
            );
            #(#steps)*
            def.add(key);
        }
    })
}

fn is_option(kind: &Type) -> bool {
    matches!(kind, Type::Path(path) if path.path.segments.last().is_some_and(|segment| segment.ident == "Option"))
}

/// The doc comment as one text: lines joined, paragraphs kept.
fn documentation(field: &syn::Field) -> String {
    let mut lines = Vec::new();
    for attribute in field.attrs.iter().filter(|attribute| attribute.path().is_ident("doc")) {
        if let syn::Meta::NameValue(pair) = &attribute.meta
            && let Expr::Lit(ExprLit {
                lit: Lit::Str(text), ..
            }) = &pair.value
        {
            lines.push(text.value().trim().to_string());
        }
    }
    let joined = lines
        .iter()
        .map(|line| if line.is_empty() { "\n\n" } else { line })
        .collect::<Vec<_>>()
        .join(" ");
    joined.replace(" \n\n ", "\n\n")
}
