-- The load of one run, for wrk: requests that differ only in their token.
-- Arguments: a file with one token per line; how many of them to skip; the path to request; the
-- number of responses after which to stop, or 0 to run until wrk's time is over.

local ffi = require("ffi")
ffi.cdef [[
  typedef struct { long seconds, nanos; } timespec_t;
  int clock_gettime(int, timespec_t *);
]]

local MARK = "@token@"
local MONOTONIC = 1
local tokens, head, tail, at = {}, "", "", 0

local function micros()
  local time = ffi.new("timespec_t")
  ffi.C.clock_gettime(MONOTONIC, time)
  return tonumber(time.seconds) * 1e6 + tonumber(time.nanos) / 1e3
end

-- Ends the run after some number of responses: wrk alone runs for a fixed time. Each request after
-- the first ones, which open the connections, follows a response, so counting requests is enough.
-- wrk calls `response` only for responses with headers: all denials have some.
local CONNECTING = 64
local count_request

local function stop_after(limit)
  local sent, started, denied = 0, 0, 0
  function response(status)
    if status >= 400 then denied = denied + 1 end
  end
  function count_request()
    sent = sent + 1
    if sent == CONNECTING then started = micros() end
    if sent == CONNECTING + limit then
      io.write(string.format(
        'result {"requests":%d,"micros":%d,"denied":%d,"lost":0}\n',
        limit, micros() - started, denied))
      os.exit(0)
    end
  end
end

function init(arguments)
  local skip, limit = tonumber(arguments[2]), tonumber(arguments[4])
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
    -- The headers of a proxy that uses forward-auth.
    ["X-Forwarded-Method"] = "GET",
    ["X-Forwarded-Uri"] = "/api/v1/engine/pipelines",
    ["X-Forwarded-For"] = "203.0.113.7",
  })
  local from, to = whole:find(MARK, 1, true)
  head, tail = whole:sub(1, from - 1), whole:sub(to + 1)
  if limit > 0 then stop_after(limit) end
end

function request()
  if count_request then count_request() end
  at = at % #tokens + 1
  return head .. tokens[at] .. tail
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    'result {"requests":%d,"micros":%d,"denied":%d,"lost":%d,"p50":%d,"p99":%d}\n',
    summary.requests, summary.duration, errors.status,
    errors.connect + errors.read + errors.write + errors.timeout,
    latency:percentile(50), latency:percentile(99)))
end
