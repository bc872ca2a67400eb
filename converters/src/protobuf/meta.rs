//! The parameters inside a field's option `confluent.field_meta`, read from the option's text.

use prost_types::UninterpretedOption;

const FIELD_META: [&str; 2] = ["confluent.field_meta", ".confluent.field_meta"];
/// A value of a text is nested deeper than this nowhere.
const MAX_DEPTH: usize = 16;

/// Keys and values of the parameters, in their order.
pub(super) fn field_params(options: &[UninterpretedOption]) -> Vec<(String, String)> {
    let mut params = Vec::new();
    for option in options {
        let (first, rest) = match option.name.split_first() {
            Some((first, rest)) if first.is_extension => (first.name_part.as_str(), rest),
            _ => continue,
        };
        if !FIELD_META.contains(&first) && first != "field_meta" {
            continue;
        }
        let Some(text) = &option.aggregate_value else { continue };
        let members = match Reader::new(text).members(0) {
            Some(members) => members,
            None => continue,
        };
        match rest {
            [] => {
                for (name, value) in members {
                    if name == "params" {
                        take_param(value, &mut params);
                    }
                }
            }
            [part] if part.name_part == "params" => take_param(Node::Message(members), &mut params),
            _ => {}
        }
    }
    params
}

fn take_param(node: Node, params: &mut Vec<(String, String)>) {
    match node {
        Node::List(items) => items.into_iter().for_each(|item| take_param(item, params)),
        Node::Message(members) => {
            let mut pair = [None, None];
            for (name, value) in members {
                let place = match name.as_str() {
                    "key" => 0,
                    "value" => 1,
                    _ => continue,
                };
                if let Node::Scalar(text) = value {
                    pair[place] = Some(text);
                }
            }
            let [key, value] = pair;
            params.push((key.unwrap_or_default(), value.unwrap_or_default()));
        }
        Node::Scalar(_) => {}
    }
}

enum Node {
    Scalar(String),
    List(Vec<Node>),
    Message(Vec<(String, Node)>),
}

/// Reads Protobuf's text format as far as options use it. None for text that is none.
struct Reader<'a> {
    rest: std::iter::Peekable<std::str::Chars<'a>>,
}

impl<'a> Reader<'a> {
    fn new(text: &'a str) -> Self {
        Reader {
            rest: text.chars().peekable(),
        }
    }

    fn peek(&mut self) -> Option<char> {
        while self.rest.next_if(|c| c.is_whitespace()).is_some() {}
        self.rest.peek().copied()
    }

    fn take_if(&mut self, wanted: char) -> bool {
        self.peek() == Some(wanted) && self.rest.next().is_some()
    }

    /// Members up to the closing bracket, or to the end of the text.
    fn members(&mut self, depth: usize) -> Option<Vec<(String, Node)>> {
        if depth > MAX_DEPTH {
            return None;
        }
        // An option's text may come with its outer brackets.
        if depth == 0 {
            self.take_if('{');
        }
        let mut members = Vec::new();
        loop {
            match self.peek() {
                None | Some('}' | '>') => {
                    self.rest.next();
                    return Some(members);
                }
                Some(',' | ';') => {
                    self.rest.next();
                }
                Some(_) => {
                    let name = self.word()?;
                    self.take_if(':');
                    members.push((name, self.value(depth)?));
                }
            }
        }
    }

    fn value(&mut self, depth: usize) -> Option<Node> {
        match self.peek()? {
            '{' | '<' => {
                self.rest.next();
                self.members(depth + 1).map(Node::Message)
            }
            '[' => {
                self.rest.next();
                if depth > MAX_DEPTH {
                    return None;
                }
                let mut items = Vec::new();
                loop {
                    match self.peek()? {
                        ']' => {
                            self.rest.next();
                            return Some(Node::List(items));
                        }
                        ',' => {
                            self.rest.next();
                        }
                        _ => items.push(self.value(depth + 1)?),
                    }
                }
            }
            '"' | '\'' => {
                let mut text = String::new();
                while let Some(quote @ ('"' | '\'')) = self.peek() {
                    self.rest.next();
                    self.string(quote, &mut text)?;
                }
                Some(Node::Scalar(text))
            }
            _ => self.word().map(Node::Scalar),
        }
    }

    fn string(&mut self, quote: char, text: &mut String) -> Option<()> {
        loop {
            match self.rest.next()? {
                '\\' => text.push(match self.rest.next()? {
                    'n' => '\n',
                    'r' => '\r',
                    't' => '\t',
                    'a' => '\u{7}',
                    'b' => '\u{8}',
                    'f' => '\u{c}',
                    'v' => '\u{b}',
                    other => other,
                }),
                end if end == quote => return Some(()),
                other => text.push(other),
            }
        }
    }

    /// A name or number.
    fn word(&mut self) -> Option<String> {
        let mut word = String::new();
        self.peek();
        while let Some(c) = self.rest.next_if(|c| c.is_alphanumeric() || "_.-+[]/".contains(*c)) {
            word.push(c);
        }
        (!word.is_empty()).then_some(word)
    }
}
