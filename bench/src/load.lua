-- The load of one run, for wrk: requests that differ in their token only.
-- Arguments: a file with tokens, one a line; how many of them to leave out; the path to ask for.

local MARK = "@token@"
local tokens, head, tail, at = {}, "", "", 0

function init(arguments)
  local skip = tonumber(arguments[2])
  for line in io.lines(arguments[1]) do
    if skip > 0 then
      skip = skip - 1
    else
      tokens[#tokens + 1] = line
    end
  end
  local whole = wrk.format("GET", arguments[3], {
    ["Authorization"] = "Bearer " .. MARK,
    ["X-Organization-ID"] = "acme",
    -- What a proxy tells that asks whether a request may go on.
    ["X-Forwarded-Method"] = "GET",
    ["X-Forwarded-Uri"] = "/api/v1/engine/pipelines",
    ["X-Forwarded-For"] = "203.0.113.7",
  })
  local from, to = whole:find(MARK, 1, true)
  head, tail = whole:sub(1, from - 1), whole:sub(to + 1)
end

function request()
  at = at % #tokens + 1
  return head .. tokens[at] .. tail
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    'result {"requests":%d,"micros":%d,"refused":%d,"lost":%d,"p50":%d,"p99":%d}\n',
    summary.requests, summary.duration, errors.status,
    errors.connect + errors.read + errors.write + errors.timeout,
    latency:percentile(50), latency:percentile(99)))
end
