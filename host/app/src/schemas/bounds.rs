//! How much work a schema can make: what it may not hold, and how often a place of a value is looked at.
//!
//! Two schemas that each name the next one twice double the work with every level. So the work is counted before any
//! value comes: for each depth of a value, the most steps that one place at that depth can cost. Where properties
//! exclude each other, as those of different names do, the dearest of them counts; what applies together is added up.

use std::collections::HashMap;

use serde_json::{Map, Value};

use super::{SchemaError, VALUE_DEPTH_MAX};

/// The most schemas that apply to one place one inside the other: the validator goes as deep for each level of a value.
const CHAIN_MAX: usize = 16;
/// The most steps for one place: beyond, a schema would refuse even small values.
const STEPS_OF_A_PLACE_MAX: u64 = 100_000;
/// What running a pattern counts beside its keyword.
const PATTERN_STEPS: u64 = 10;

/// Keywords that change what a reference means, or that are another draft's.
const REFUSED: [&str; 7] =
    ["$anchor", "$dynamicAnchor", "$dynamicRef", "$recursiveAnchor", "$recursiveRef", "$vocabulary", "id"];
/// Keywords that hold one schema, for the same place.
const IN_PLACE: [&str; 4] = ["not", "if", "then", "else"];
/// Keywords that hold several schemas, for the same place.
const IN_PLACE_LISTS: [&str; 3] = ["allOf", "anyOf", "oneOf"];

/// The most steps that a place can cost, by its depth in the value.
#[derive(Clone, Debug)]
pub(super) struct Work([u64; VALUE_DEPTH_MAX]);

/// A schema inside the schema, and which others it leads to, by their numbers.
#[derive(Default)]
struct Node {
    own: u64,
    in_place: Vec<usize>,
    /// One of them applies to a property.
    named: Vec<usize>,
    /// All of them can apply to a property, beside the one of its name.
    patterns: Vec<usize>,
    /// It applies to a property in place of the others.
    additional: Vec<usize>,
    /// One of them applies to an element.
    elements: Vec<usize>,
    /// They apply to every property or element.
    always: Vec<usize>,
    /// Whether every property or element is tried against what applies in place once more.
    is_twice: bool,
}

impl Work {
    /// What `root` can cost.
    pub(super) fn of(root: &Value) -> Result<Self, SchemaError> {
        let mut graph = Graph { root, nodes: Vec::new(), numbers: HashMap::new(), waiting: Vec::new() };
        graph.number(root);
        while let Some((number, schema)) = graph.waiting.pop() {
            let node = graph.read(schema)?;
            graph.nodes[number] = node;
        }
        let order = in_place_order(&graph.nodes)?;
        let mut work = [0; VALUE_DEPTH_MAX];
        let mut above: Option<Vec<u64>> = None;
        for level in &mut work {
            let mut steps = vec![0; graph.nodes.len()];
            for &number in &order {
                let node = &graph.nodes[number];
                let start = above.as_ref().map_or(node.own, |above| node.below(above));
                let factor = if node.is_twice { 2 } else { 1 };
                steps[number] = start.saturating_add(sum(&node.in_place, &steps).saturating_mul(factor));
            }
            *level = steps[0];
            if *level > STEPS_OF_A_PLACE_MAX {
                return Err(SchemaError(String::from(
                    "the schema would look at one place of a document too often: its references or combinations \
                     (`$ref`, `allOf`, `anyOf`, `oneOf`) multiply with every level",
                )));
            }
            above = Some(steps);
        }
        Ok(Self(work))
    }

    /// What a value can cost that has so many places at each depth.
    pub(super) fn steps(&self, places: &[u64; VALUE_DEPTH_MAX]) -> u64 {
        let by_level = self.0.iter().zip(places).map(|(steps, places)| (steps + 1).saturating_mul(*places));
        by_level.fold(0, u64::saturating_add)
    }
}

impl Node {
    /// The steps of a place some levels below, given those of one level less.
    fn below(&self, steps: &[u64]) -> u64 {
        let most = |numbers: &[usize]| numbers.iter().map(|&number| steps[number]).max().unwrap_or(0);
        let named = most(&self.named).saturating_add(sum(&self.patterns, steps));
        let property = named.max(most(&self.additional));
        property.max(most(&self.elements)).saturating_add(sum(&self.always, steps))
    }
}

fn sum(numbers: &[usize], steps: &[u64]) -> u64 {
    numbers.iter().fold(0, |sum, &number| sum.saturating_add(steps[number]))
}

/// Every schema of the root that is reached, numbered as it is found. The root is 0.
struct Graph<'a> {
    root: &'a Value,
    nodes: Vec<Node>,
    numbers: HashMap<*const Value, usize>,
    waiting: Vec<(usize, &'a Value)>,
}

impl<'a> Graph<'a> {
    fn number(&mut self, schema: &'a Value) -> usize {
        let next = self.nodes.len();
        let number = *self.numbers.entry(std::ptr::from_ref(schema)).or_insert(next);
        if number == next {
            self.nodes.push(Node::default());
            self.waiting.push((number, schema));
        }
        number
    }

    fn each(&mut self, value: Option<&'a Value>) -> Vec<usize> {
        match value {
            Some(Value::Array(schemas)) => schemas.iter().map(|schema| self.number(schema)).collect(),
            Some(Value::Object(schemas)) => schemas.values().map(|schema| self.number(schema)).collect(),
            _ => Vec::new(),
        }
    }

    fn one(&mut self, value: Option<&'a Value>) -> Vec<usize> {
        value.filter(|schema| schema.is_object()).map(|schema| self.number(schema)).into_iter().collect()
    }

    fn read(&mut self, schema: &'a Value) -> Result<Node, SchemaError> {
        let Value::Object(keywords) = schema else { return Ok(Node { own: 1, ..Node::default() }) };
        self.refuse(schema, keywords)?;
        let mut node = Node { own: own_steps(keywords), ..Node::default() };
        for keyword in IN_PLACE {
            node.in_place.extend(self.one(keywords.get(keyword)));
        }
        for keyword in IN_PLACE_LISTS {
            node.in_place.extend(self.each(keywords.get(keyword)));
        }
        node.in_place.extend(self.each(keywords.get("dependentSchemas")));
        if let Some(reference) = keywords.get("$ref") {
            let target = follow(self.root, reference).ok_or_else(|| {
                let words = "a `$ref` leads to a place of the same schema (`#/…`), and to one that is there";
                SchemaError(format!("{words}, not to {}", super::cut(&reference.to_string(), 100)))
            })?;
            node.in_place.push(self.number(target));
        }
        node.named = self.each(keywords.get("properties"));
        node.patterns = self.each(keywords.get("patternProperties"));
        node.additional = self.one(keywords.get("additionalProperties"));
        node.elements = self.each(keywords.get("prefixItems").filter(|items| items.is_array()));
        node.elements.extend(self.one(keywords.get("items")));
        for keyword in ["propertyNames", "contains", "unevaluatedProperties", "unevaluatedItems"] {
            node.always.extend(self.one(keywords.get(keyword)));
        }
        node.is_twice = keywords.keys().any(|keyword| keyword.starts_with("unevaluated"));
        // They count where something refers to them. Here they are only looked at.
        for keyword in ["$defs", "definitions"] {
            self.each(keywords.get(keyword).filter(|schemas| schemas.is_object()));
        }
        Ok(node)
    }

    fn refuse(&self, schema: &Value, keywords: &Map<String, Value>) -> Result<(), SchemaError> {
        let is_root = std::ptr::eq(schema, self.root);
        let refused =
            REFUSED.into_iter().find(|keyword| keywords.get(*keyword).is_some_and(|value| !value.is_object()));
        let refused = refused.or_else(|| (!is_root && keywords.contains_key("$id")).then_some("$id"));
        if let Some(keyword) = refused {
            return Err(SchemaError(format!("the keyword `{keyword}` is not taken: refer to `#/…`")));
        }
        match keywords.get("$schema").map(Value::as_str) {
            None => Ok(()),
            Some(Some(draft)) if draft.trim_end_matches('#') == "https://json-schema.org/draft/2020-12/schema" => {
                Ok(())
            }
            Some(_) => {
                Err(SchemaError(String::from("`$schema` is https://json-schema.org/draft/2020-12/schema, or left out")))
            }
        }
    }
}

/// What a reference leads to; `None` for anything but a place of `root` that is there.
pub(crate) fn follow<'a>(root: &'a Value, reference: &Value) -> Option<&'a Value> {
    match reference.as_str()?.strip_prefix('#')? {
        "" => Some(root),
        // Percent signs would be decoded by one reader and not by another.
        pointer if pointer.contains('%') => None,
        pointer => root.pointer(pointer),
    }
}

/// What a schema costs by itself: its keywords, and what they list.
fn own_steps(keywords: &Map<String, Value>) -> u64 {
    let listed = |value: &Value| match value {
        Value::Array(items) => items.len(),
        Value::Object(members) => members.len(),
        _ => 0,
    };
    let lists: usize = keywords.values().map(|value| 1 + listed(value)).sum();
    let patterns = keywords.get("patternProperties").map_or(0, listed) + usize::from(keywords.contains_key("pattern"));
    1 + lists as u64 + PATTERN_STEPS * patterns as u64
}

/// The schemas in such an order that each comes behind those that apply in its place.
fn in_place_order(nodes: &[Node]) -> Result<Vec<usize>, SchemaError> {
    let mut chains: Vec<Option<usize>> = vec![None; nodes.len()];
    let mut order = Vec::with_capacity(nodes.len());
    for number in 0..nodes.len() {
        chain(nodes, number, CHAIN_MAX, &mut chains, &mut order)?;
    }
    Ok(order)
}

/// How many schemas apply in place of `number`, one inside the other. More than `left` are refused, and so is a schema
/// that leads to itself without going deeper into the value.
fn chain(
    nodes: &[Node],
    number: usize,
    left: usize,
    chains: &mut [Option<usize>],
    order: &mut Vec<usize>,
) -> Result<usize, SchemaError> {
    let refused = || {
        SchemaError(format!(
            "at most {CHAIN_MAX} schemas apply to one place one inside the other, and none leads back to itself there"
        ))
    };
    if let Some(known) = chains[number] {
        return if known <= left { Ok(known) } else { Err(refused()) };
    }
    let below = left.checked_sub(1).ok_or_else(refused)?;
    let mut deepest = 0;
    for &next in &nodes[number].in_place {
        deepest = deepest.max(chain(nodes, next, below, chains, order)?);
    }
    chains[number] = Some(deepest + 1);
    order.push(number);
    Ok(deepest + 1)
}
