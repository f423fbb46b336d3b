// The sample data: a small plant, kept in memory and gone when the program ends.

const COLLECTIONS = {
  pipelines: [
    { id: "press-line-2-oee", name: "Press line 2: OEE", state: "running", schedule: "every minute", source: "opc-ua-press-hall", target: "historian" },
    { id: "paint-shop-energy", name: "Paint shop: energy per body", state: "running", schedule: "every 15 minutes", source: "modbus-energy-meters", target: "warehouse" },
    { id: "cooling-water-alarms", name: "Cooling water: alarms", state: "running", schedule: "on change", source: "mqtt-utilities", target: "uns" },
    { id: "batch-genealogy", name: "Batch genealogy to MES", state: "paused", schedule: "hourly", source: "historian", target: "mes-rest" },
  ],
  models: [
    { id: "machine", name: "Machine", version: 4, fields: ["serial", "vendor", "state", "cycle_time_s"] },
    { id: "oee", name: "Overall equipment effectiveness", version: 2, fields: ["availability", "performance", "quality"] },
    { id: "energy-meter", name: "Energy meter", version: 1, fields: ["active_power_kw", "energy_kwh"] },
  ],
  connectors: [
    { id: "opc-ua-press-hall", name: "Press hall", kind: "opc-ua", endpoint: "opc.tcp://press-hall:4840" },
    { id: "modbus-energy-meters", name: "Energy meters", kind: "modbus-tcp", endpoint: "10.20.0.15:502" },
    { id: "mqtt-utilities", name: "Utilities", kind: "mqtt", endpoint: "mqtts://utilities:8883" },
  ],
  dashboards: [
    { id: "shift-overview", name: "Shift overview", tiles: 8, shares: [] },
    { id: "energy", name: "Energy", tiles: 5, shares: [] },
  ],
  organizations: [
    { id: "acme", name: "Acme Metalworks", members: ["ada", "otto", "vic"] },
    { id: "globex", name: "Globex Chemicals", members: ["ada"] },
  ],
};

/** Collection → id → item. */
export const collections = new Map(
  Object.entries(COLLECTIONS).map(([name, items]) => [
    name,
    new Map(items.map((item) => [item.id, item])),
  ]),
);

/** The topics of the Unified Namespace with their last values. */
export const topics = new Map([
  ["acme/plant-1/paint-shop/oven-1/temperature", 182.5],
  ["acme/plant-1/press-hall/press-2/cycle-time", 4.2],
  ["acme/plant-1/press-hall/press-2/state", "running"],
  ["acme/plant-1/utilities/cooling-water/flow", 37.1],
]);

let last = 0;

/** An id that nothing has yet. */
export const newId = (kind) => `${kind}-${++last}`;

/** The results of a run of a pipeline; the same for every run. */
export const results = (pipeline, run) => ({
  pipeline,
  run,
  rows: [
    { at: "2026-11-02T06:00:00Z", availability: 0.94, performance: 0.88, quality: 0.991 },
    { at: "2026-11-02T14:00:00Z", availability: 0.91, performance: 0.9, quality: 0.987 },
  ],
});
