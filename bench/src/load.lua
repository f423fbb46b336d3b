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

-- wrk reads responses for a script that has this function, so only then is it defined.
local function stop_after(limit)
  local started
  local responses, denied = 0, 0
  function response(status)
    -- From the first response on, which is not counted.
    if not started then
      started = micros()
      return
    end
    responses = responses + 1
    if status >= 400 then denied = denied + 1 end
    if responses == limit then
      io.write(string.format(
        'result {"requests":%d,"micros":%d,"denied":%d,"lost":0}\n',
        responses, micros() - started, denied))
      -- wrk would wait until its time is over.
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
