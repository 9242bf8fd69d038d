//! From a tree to a checked condition.

use super::field::{Kind, Scope};
use super::{Comparison, Condition, Field, Glob, Literal, Order, Sequence, Test};
use crate::calendar;
use crate::model::ModelError;
use crate::money::{Currency, Money};
use crate::points::Points;
use crate::time::Span;
use crate::touch::EventName;
use crate::tree::{Node, Tree};

/// How deep conditions may nest.
const DEEPEST: usize = 8;
/// How many nodes one condition may have.
const MOST_NODES: usize = 64;
/// How many values one list may have.
const LONGEST_LIST: usize = 256;

const FORMS: &str = "exactly one of all, any, not, field, sequence";

/// What the names in a condition are checked against.
#[derive(Debug, Clone, Copy)]
pub struct Names<'a> {
    /// Amounts are in this currency.
    pub currency: Currency,
    /// Stages of the model, lowest first.
    pub stages: &'a [String],
    /// Scores of the model, in its order.
    pub scores: &'a [String],
    /// Page tags of the model.
    pub page_tags: &'a [String],
}

impl Condition {
    /// Reads and checks a condition that stands at `path`.
    ///
    /// # Errors
    /// Every fault at once: unknown forms, fields, operators, values of a wrong type, too deep, too many nodes.
    pub fn parse(tree: &Tree, path: &str, scope: Scope, names: &Names<'_>) -> Result<Self, Vec<ModelError>> {
        let mut parser = Parser { names, nodes: 0, in_sequence: false, faults: Vec::new() };
        let condition = parser.condition(tree, path, scope, 1);
        match condition {
            Some(condition) if parser.faults.is_empty() => Ok(condition),
            _ => Err(parser.faults),
        }
    }
}

struct Parser<'a> {
    names: &'a Names<'a>,
    nodes: usize,
    in_sequence: bool,
    faults: Vec<ModelError>,
}

type Entry = (String, Option<u32>, Tree);

impl Parser<'_> {
    fn fault<T>(&mut self, path: &str, line: Option<u32>, found: impl ToString, allowed: impl ToString) -> Option<T> {
        let (found, allowed) = (found.to_string(), allowed.to_string());
        self.faults.push(ModelError { path: path.to_owned(), line, found, allowed });
        None
    }

    /// One node; `None` when it is faulty, which is then noted.
    fn condition(&mut self, tree: &Tree, path: &str, scope: Scope, depth: usize) -> Option<Condition> {
        self.nodes += 1;
        if self.nodes == MOST_NODES + 1 {
            return self.fault(path, tree.line, "more nodes", format!("at most {MOST_NODES} nodes in one condition"));
        }
        if self.nodes > MOST_NODES {
            return None;
        }
        if depth > DEEPEST {
            return self.fault(path, tree.line, "deeper nesting", format!("at most {DEEPEST} levels"));
        }
        let Node::Table(entries) = &tree.node else {
            return self.fault(path, tree.line, tree, format!("a condition: a table with {FORMS}"));
        };
        let forms = ["all", "any", "not", "field", "sequence"];
        let mut present = entries.iter().filter(|(key, ..)| forms.contains(&key.as_str()));
        let (Some(form), None) = (present.next(), present.next()) else {
            let keys: Vec<_> = entries.iter().map(|(key, ..)| key.as_str()).collect();
            let found = if keys.is_empty() { "an empty table".to_owned() } else { keys.join(", ") };
            return self.fault(path, tree.line, found, FORMS);
        };
        match form.0.as_str() {
            "field" => return self.comparison(tree, form, entries, path, scope),
            "sequence" => return self.sequence(form, entries, path, depth),
            _ => {}
        }
        let mut alone = true;
        for (key, line, _) in entries.iter().filter(|(key, ..)| *key != form.0) {
            alone = false;
            self.fault::<()>(&format!("{path}.{key}"), *line, key, format!("nothing beside {}", form.0));
        }
        let inner = format!("{path}.{}", form.0);
        let condition = match form.0.as_str() {
            "not" => Condition::Not(Box::new(self.condition(&form.2, &inner, scope, depth + 1)?)),
            "all" => Condition::All(self.list(&form.2, &inner, scope, depth)?),
            _ => Condition::Any(self.list(&form.2, &inner, scope, depth)?),
        };
        alone.then_some(condition)
    }

    fn list(&mut self, tree: &Tree, path: &str, scope: Scope, depth: usize) -> Option<Vec<Condition>> {
        let Some(list) = tree.list() else {
            return self.fault(path, tree.line, tree, "a list of conditions");
        };
        // Every fault of the list is noted before it is given up.
        let read: Vec<_> = list
            .iter()
            .enumerate()
            .map(|(number, item)| self.condition(item, &format!("{path}[{number}]"), scope, depth + 1))
            .collect();
        read.into_iter().collect()
    }

    /// In a rule a sequence looks at the touches up to the rule's own; in an offer, at all of them.
    fn sequence(&mut self, form: &Entry, entries: &[Entry], path: &str, depth: usize) -> Option<Condition> {
        if self.in_sequence {
            return self.fault(path, form.1, "a sequence", "no sequence inside a sequence");
        }
        let faults_before = self.faults.len();
        let inner = format!("{path}.sequence");
        self.in_sequence = true;
        let steps = self.list(&form.2, &inner, Scope::Step, depth).unwrap_or_default();
        let (mut without, mut within) = (None, None);
        for (key, line, value) in entries {
            let inner = format!("{path}.{key}");
            match key.as_str() {
                "sequence" => {}
                "without" => without = self.condition(value, &inner, Scope::Step, depth + 1).map(Box::new),
                "within" => within = self.duration(value, &inner).map(Span),
                other => {
                    self.fault::<()>(&inner, *line, other, "sequence, without, within");
                }
            }
        }
        self.in_sequence = false;
        if steps.is_empty() && self.faults.len() == faults_before {
            self.fault::<()>(&inner, form.1, "an empty list", "at least one condition");
        }
        // Faults are counted rather than carried: each part notes its own, so that all of them are told at once.
        (self.faults.len() == faults_before).then_some(Condition::Sequence(Sequence { steps, without, within }))
    }

    fn comparison(
        &mut self,
        tree: &Tree,
        form: &Entry,
        entries: &[Entry],
        path: &str,
        scope: Scope,
    ) -> Option<Condition> {
        let name_path = format!("{path}.field");
        let Some(name) = form.2.text() else {
            return self.fault(&name_path, form.2.line, &form.2, scope.names());
        };
        let Some((field, kind)) = scope.field(name) else {
            return self.fault(&name_path, form.2.line, &form.2, scope.names());
        };
        if let Field::NamedScore(wanted) = &field
            && !self.names.scores.contains(wanted)
        {
            return self.fault(&name_path, form.2.line, &form.2, choice("a score of the model", self.names.scores));
        }
        let allowed = kind.operators();
        let mut operators = entries.iter().filter(|(key, ..)| key != "field");
        let (first, more) = (operators.next(), operators.next());
        let Some((operator, line, value)) = first else {
            return self.fault(path, tree.line, "no operator", format!("one of {}", allowed.join(", ")));
        };
        if !allowed.contains(&operator.as_str()) {
            return self.fault(&format!("{path}.{operator}"), *line, operator, allowed.join(", "));
        }
        if let Some((second, line, _)) = more {
            return self.fault(&format!("{path}.{second}"), *line, second, "one operator only: join two with all");
        }
        let value_path = format!("{path}.{operator}");
        let test = self.test(operator, value, kind, &value_path)?;
        Some(Condition::Compare(Comparison { text: describe(name, operator, value), field, test }))
    }

    fn test(&mut self, operator: &str, value: &Tree, kind: Kind, path: &str) -> Option<Test> {
        let order = |order| {
            move |literal| match literal {
                Literal::Number(number) => Some(Test::Order(order, number)),
                _ => None,
            }
        };
        match operator {
            "exists" => match value.node {
                Node::Boolean(wanted) => Some(Test::Exists(wanted)),
                _ => self.fault(path, value.line, value, "true or false"),
            },
            "glob" => {
                let patterns = self.one_or_more(value, path, "a pattern, or a list of patterns")?;
                let read: Vec<_> = patterns
                    .into_iter()
                    .map(|pattern| match Glob::parse(pattern.text()?) {
                        Ok(glob) => Some(glob),
                        Err(error) => self.fault(path, pattern.line, pattern, error.allowed),
                    })
                    .collect();
                read.into_iter().collect::<Option<Vec<_>>>().map(Test::Glob)
            }
            "has" => match (value.text(), kind) {
                (Some(tag), Kind::Tags) if !self.names.page_tags.iter().any(|known| known == tag) => {
                    self.fault(path, value.line, value, choice("a tag of page_tags", self.names.page_tags))
                }
                (Some(text), _) => Some(Test::Has(text.to_owned())),
                (None, _) => self.fault(path, value.line, value, "text"),
            },
            "in" => {
                let Some(list) = value.list().filter(|list| list.len() <= LONGEST_LIST) else {
                    return self.fault(path, value.line, value, format!("a list of at most {LONGEST_LIST}"));
                };
                let read: Vec<_> = list.iter().map(|item| self.literal(item, kind, path)).collect();
                read.into_iter().collect::<Option<Vec<_>>>().map(Test::In)
            }
            "eq" => self.literal(value, kind, path).map(Test::Equal),
            "ne" => self.literal(value, kind, path).map(Test::NotEqual),
            "gt" => self.number(value, kind, path).and_then(order(Order::Above)),
            "gte" => self.number(value, kind, path).and_then(order(Order::AtLeast)),
            "lt" => self.number(value, kind, path).and_then(order(Order::Below)),
            _ => self.number(value, kind, path).and_then(order(Order::AtMost)),
        }
    }

    /// A literal that has an order.
    fn number(&mut self, value: &Tree, kind: Kind, path: &str) -> Option<Literal> {
        match (kind, &value.node) {
            (Kind::Scalar, Node::Integer(number)) => Some(Literal::Number(*number)),
            (Kind::Scalar, _) => self.fault(path, value.line, value, "a whole number"),
            _ => self.literal(value, kind, path),
        }
    }

    fn literal(&mut self, value: &Tree, kind: Kind, path: &str) -> Option<Literal> {
        let place = |names: &[&str]| value.text().and_then(|text| names.iter().position(|name| *name == text));
        let rank = |place: usize| i64::try_from(place).ok().map(Literal::Number);
        match kind {
            Kind::EventName => match value.text().map(EventName::parse) {
                Some(Ok(name)) => Some(Literal::Text(name.to_string())),
                Some(Err(error)) => self.fault(path, value.line, value, error.allowed),
                None => self.fault(path, value.line, value, "text"),
            },
            Kind::Country => match value.text().filter(|text| is_country(text)) {
                Some(code) => Some(Literal::Text(code.to_owned())),
                None => self.fault(path, value.line, value, "a country of ISO 3166-1, such as \"NL\""),
            },
            Kind::Text | Kind::Set | Kind::Tags => match value.text() {
                Some(text) => Some(Literal::Text(text.to_owned())),
                None => self.fault(path, value.line, value, "text"),
            },
            Kind::Closed(names) => match place(names) {
                Some(found) => names.get(found).map(|name| Literal::Text((*name).to_owned())),
                None => self.fault(path, value.line, value, choice("one of", names)),
            },
            Kind::Ordered(names) => match place(names) {
                Some(found) => rank(found),
                None => self.fault(path, value.line, value, choice("one of", names)),
            },
            Kind::Stage => {
                let stages = self.names.stages;
                match value.text().and_then(|text| stages.iter().position(|name| name == text)) {
                    Some(found) => rank(found),
                    None => self.fault(path, value.line, value, choice("a stage of the model", stages)),
                }
            }
            Kind::Number => match value.node {
                Node::Integer(number) => Some(Literal::Number(number)),
                _ => self.fault(path, value.line, value, "a whole number"),
            },
            Kind::Points => match value.decimal().map(|text| Points::parse(&text)) {
                Some(Ok(points)) => Some(Literal::Number(points.0)),
                Some(Err(error)) => self.fault(path, value.line, value, error.allowed),
                None => self.fault(path, value.line, value, "a number of points"),
            },
            Kind::Amount => match value.decimal().map(|text| Money::parse(&text, self.names.currency)) {
                Some(Ok(money)) => Some(Literal::Number(money.minor)),
                Some(Err(error)) => self.fault(path, value.line, value, error.allowed),
                None => self.fault(path, value.line, value, "an amount in the site's currency, such as \"49.95\""),
            },
            Kind::Duration => self.duration(value, path).map(Literal::Number),
            Kind::YearDay => match value.text().and_then(calendar::year_day) {
                Some(day) => Some(Literal::Number(day)),
                None => self.fault(path, value.line, value, "a day of the year, MM-DD, such as \"10-01\""),
            },
            Kind::Scalar => match &value.node {
                Node::Text(text) => Some(Literal::Text(text.clone())),
                Node::Integer(number) => Some(Literal::Number(*number)),
                Node::Boolean(truth) => Some(Literal::Boolean(*truth)),
                _ => self.fault(path, value.line, value, "text, a whole number, true or false"),
            },
        }
    }

    fn duration(&mut self, value: &Tree, path: &str) -> Option<i64> {
        match value.text().map(Span::parse) {
            Some(Ok(span)) => Some(span.0),
            Some(Err(error)) => self.fault(path, value.line, value, error.allowed),
            None => self.fault(path, value.line, value, "a duration such as 90s, 30m, 12h, 7d, 4w"),
        }
    }

    /// The texts of a list, or the one text.
    fn one_or_more<'t>(&mut self, value: &'t Tree, path: &str, allowed: &str) -> Option<Vec<&'t Tree>> {
        let items: Vec<_> = match &value.node {
            Node::List(list) => list.iter().collect(),
            _ => vec![value],
        };
        let good = !items.is_empty() && items.len() <= LONGEST_LIST && items.iter().all(|item| item.text().is_some());
        if good { Some(items) } else { self.fault(path, value.line, value, allowed) }
    }
}

impl Kind {
    /// The operators that fit.
    fn operators(self) -> &'static [&'static str] {
        match self {
            Self::Text | Self::EventName | Self::Country | Self::Closed(_) => &["eq", "ne", "in", "glob", "exists"],
            Self::Ordered(_) | Self::Stage => &["eq", "ne", "in", "gt", "gte", "lt", "lte", "exists"],
            Self::Number | Self::YearDay => &["eq", "ne", "in", "gt", "gte", "lt", "lte", "exists"],
            Self::Points | Self::Amount | Self::Duration => &["gt", "gte", "lt", "lte", "exists"],
            Self::Set | Self::Tags => &["has", "exists"],
            Self::Scalar => &["eq", "ne", "in", "gt", "gte", "lt", "lte", "glob", "exists"],
        }
    }
}

/// Whether a text is a country as touches have it: two capital letters.
fn is_country(text: &str) -> bool {
    text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_uppercase())
}

fn choice(what: &str, names: &[impl AsRef<str>]) -> String {
    let names: Vec<_> = names.iter().map(AsRef::as_ref).collect();
    if names.is_empty() { format!("{what}: there is none") } else { format!("{what}: {}", names.join(", ")) }
}

/// A comparison as people read it: `label = brochure`, `score >= 30`.
fn describe(field: &str, operator: &str, value: &Tree) -> String {
    let sign = match operator {
        "eq" | "has" => "=",
        "ne" => "!=",
        "gt" => ">",
        "gte" => ">=",
        "lt" => "<",
        "lte" => "<=",
        "glob" => "like",
        other => other,
    };
    let plain = |tree: &Tree| tree.text().map_or_else(|| tree.to_string(), str::to_owned);
    match (&value.node, operator) {
        (Node::Boolean(true), "exists") => format!("{field} exists"),
        (Node::Boolean(false), "exists") => format!("{field} does not exist"),
        (Node::List(list), _) => format!("{field} {sign} {}", list.iter().map(plain).collect::<Vec<_>>().join(" or ")),
        _ => format!("{field} {sign} {}", plain(value)),
    }
}
