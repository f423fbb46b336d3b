// An upstream whose answer states no length, as that of any Worker.
const answer = { pipelines: [{ id: "p1", name: "Press hall" }] };

export default { fetch: () => Response.json(answer) };
