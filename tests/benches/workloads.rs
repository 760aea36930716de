//! The workloads that both sides run, with the answers that their host gives.

/// One script with its input and the output that it must have, to the byte.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Workload {
    pub(crate) name: &'static str,
    pub(crate) source: &'static str,
    pub(crate) input: &'static str,
    pub(crate) output: &'static str,
}

macro_rules! workload {
    ($name:literal) => {
        Workload {
            name: $name,
            source: include_str!(concat!("workloads/", $name, ".js")),
            input: include_str!(concat!("workloads/", $name, ".in.json")),
            output: include_str!(concat!("workloads/", $name, ".out.json")),
        }
    };
}

/// Nothing; twenty-two awaited host calls; 100 KB of JSON in and 76 KB out.
pub(crate) const WORKLOADS: [Workload; 3] = [workload!("hello"), workload!("order"), workload!("json")];

/// What `services.products.get` answers: products p3, p4, p8, p9, … are short of stock.
pub(crate) fn product(id: &str) -> String {
    let number: u32 = id.trim_start_matches('p').parse().unwrap_or(0);
    let stock = if number % 5 >= 3 { 1 } else { 100 };
    format!(r#"{{"id":"{id}","name":"Product {id}","stock":{stock}}}"#)
}

/// What `storage.get("min_order_value")` answers.
pub(crate) const MIN_ORDER_VALUE: &str = "150";
