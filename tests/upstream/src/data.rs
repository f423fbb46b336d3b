//! The sample data: a small plant, kept in memory and gone when the program ends.

use std::collections::BTreeMap;

use serde_json::{Value, json};

/// The collections that all work alike, by the name in their path.
pub(crate) const COLLECTIONS: [(&str, &str); 5] = [
    ("/api/v1/engine/pipelines", "pipelines"),
    ("/api/v1/models", "models"),
    ("/api/v1/connectors", "connectors"),
    ("/api/v1/dashboards", "dashboards"),
    ("/api/v1/organizations", "organizations"),
];

/// Everything that the platform knows.
pub(crate) struct Data {
    /// Collection → id → item.
    pub(crate) items: BTreeMap<&'static str, BTreeMap<String, Value>>,
    /// The topics of the Unified Namespace with their last values.
    pub(crate) topics: BTreeMap<String, Value>,
    next: u32,
}

impl Data {
    pub(crate) fn sample() -> Self {
        let collections = [
            (
                "pipelines",
                json!([
                    {"id": "press-line-2-oee", "name": "Press line 2: OEE", "state": "running", "schedule": "every minute", "source": "opc-ua-press-hall", "target": "historian"},
                    {"id": "paint-shop-energy", "name": "Paint shop: energy per body", "state": "running", "schedule": "every 15 minutes", "source": "modbus-energy-meters", "target": "warehouse"},
                    {"id": "cooling-water-alarms", "name": "Cooling water: alarms", "state": "running", "schedule": "on change", "source": "mqtt-utilities", "target": "uns"},
                    {"id": "batch-genealogy", "name": "Batch genealogy to MES", "state": "paused", "schedule": "hourly", "source": "historian", "target": "mes-rest"},
                ]),
            ),
            (
                "models",
                json!([
                    {"id": "machine", "name": "Machine", "version": 4, "fields": ["serial", "vendor", "state", "cycle_time_s"]},
                    {"id": "oee", "name": "Overall equipment effectiveness", "version": 2, "fields": ["availability", "performance", "quality"]},
                    {"id": "energy-meter", "name": "Energy meter", "version": 1, "fields": ["active_power_kw", "energy_kwh"]},
                ]),
            ),
            (
                "connectors",
                json!([
                    {"id": "opc-ua-press-hall", "name": "Press hall", "kind": "opc-ua", "endpoint": "opc.tcp://press-hall:4840"},
                    {"id": "modbus-energy-meters", "name": "Energy meters", "kind": "modbus-tcp", "endpoint": "10.20.0.15:502"},
                    {"id": "mqtt-utilities", "name": "Utilities", "kind": "mqtt", "endpoint": "mqtts://utilities:8883"},
                ]),
            ),
            (
                "dashboards",
                json!([
                    {"id": "shift-overview", "name": "Shift overview", "tiles": 8, "shares": []},
                    {"id": "energy", "name": "Energy", "tiles": 5, "shares": []},
                ]),
            ),
            (
                "organizations",
                json!([
                    {"id": "acme", "name": "Acme Metalworks", "members": ["ada", "otto", "vic"]},
                    {"id": "globex", "name": "Globex Chemicals", "members": ["ada"]},
                ]),
            ),
        ];
        let items = collections
            .into_iter()
            .map(|(name, list)| {
                let list = list.as_array().cloned().unwrap_or_default();
                (
                    name,
                    list.into_iter().map(|item| (id_of(&item), item)).collect(),
                )
            })
            .collect();
        let topics = [
            ("acme/plant-1/press-hall/press-2/state", json!("running")),
            ("acme/plant-1/press-hall/press-2/cycle-time", json!(4.2)),
            ("acme/plant-1/paint-shop/oven-1/temperature", json!(182.5)),
            ("acme/plant-1/utilities/cooling-water/flow", json!(37.1)),
        ];
        let topics = topics
            .into_iter()
            .map(|(topic, value)| (topic.to_owned(), value))
            .collect();
        Self {
            items,
            topics,
            next: 1,
        }
    }

    pub(crate) fn collection(&mut self, name: &'static str) -> &mut BTreeMap<String, Value> {
        self.items.entry(name).or_default()
    }

    /// An id that nothing has yet.
    pub(crate) fn new_id(&mut self, kind: &str) -> String {
        let id = format!("{kind}-{}", self.next);
        self.next += 1;
        id
    }
}

/// The results of a run of a pipeline; the same for every run.
pub(crate) fn results(pipeline: &str, run: &str) -> Value {
    json!({
        "pipeline": pipeline,
        "run": run,
        "rows": [
            {"at": "2026-11-02T06:00:00Z", "availability": 0.94, "performance": 0.88, "quality": 0.991},
            {"at": "2026-11-02T14:00:00Z", "availability": 0.91, "performance": 0.90, "quality": 0.987},
        ],
    })
}

fn id_of(item: &Value) -> String {
    item.get("id")
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned()
}
